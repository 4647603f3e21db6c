#include "cli/fetch_image.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "appc/image_manifest.h"
#include "base/mem.h"
#include "cli/archive.h"
#include "cli/key_discovery.h"
#include "cli/location.h"
#include "cli/progress.h"
#include "cli/signature.h"
#include "fetch/discovery.h"
#include "fetch/download.h"
#include "fetch/record.h"
#include "sys/fd.h"

#define MAX_IMAGES 256 /* of one graph of dependencies */
#define MAX_ETAG   1024

void jp_fetched_clear(struct jp_fetched *fetched)
{
    jp_image_imported_clear(&fetched->image);
    fetched->is_unchanged = false;
}

/* One image on its way. */
struct job {
    struct jp_fetching *fetching;
    const struct jp_fetch_options *options;
    const struct jp_image_name *name; /* asked for; NULL: what the manifest says */
    const char *expected_id;          /* NULL: any */
    const char *key;                  /* of its record */
    const char *url;
    const char *signature_url;
    bool is_from_page;
    bool is_from_public;
    struct jp_progress progress;
    /* What was found out on the way. */
    struct jp_transfer_response response;
    struct jp_cli_signature judged;
    bool is_verified;
};

static struct jp_store *store_of(const struct job *job)
{
    return job->fetching->cli->pods.store;
}

static int root_of(const struct job *job)
{
    return jp_store_root_fd(store_of(job));
}

/* ---- what was fetched before ----------------------------------------------------------------- */

/* An image of that id: 1, 0, -1. */
static int is_id_here(struct jp_store *store, const char *id, char **ret_name, struct jp_error *err)
{
    JP_AUTO(jp_store_images) found = {NULL, 0};
    const struct jp_store_image_query query = {.id_prefix = id};
    if (jp_store_image_list(store, &query, &found, err) < 0)
        return -1;
    if (found.count > 0 && ret_name && !(*ret_name = jp_strdup(found.items[0].name)))
        return jp_oom(err);
    return found.count > 0;
}

/* The record of this place, when it may be relied on: 1, 0, -1. */
static int usable_record(const struct job *job, struct jp_record *ret, struct jp_error *err)
{
    if (job->options->ignores_records || job->options->import.manifest)
        return 0;
    int r = jp_record_read(root_of(job), job->key, ret, err);
    if (r <= 0)
        return r;
    if (!ret->is_verified && !job->options->allows_unsigned)
        return 0; /* it was taken without a signature then; now one is asked for */
    if (job->expected_id && strcmp(job->expected_id, ret->id) != 0)
        return 0;
    return is_id_here(store_of(job), ret->id, NULL, err);
}

static int take_unchanged(const struct job *job, struct jp_record *record, struct jp_fetched *ret,
                          struct jp_error *err)
{
    ret->is_unchanged = true;
    ret->image.was_here = true;
    ret->image.id = jp_strdup(record->id);
    if (!ret->image.id)
        return jp_oom(err);
    if (is_id_here(store_of(job), record->id, &ret->image.name, err) < 0)
        return -1;
    record->time_s = (int64_t)time(NULL);
    return jp_record_keep(root_of(job), job->key, record, err);
}

static bool is_fresh(const struct jp_record *record)
{
    int64_t now = (int64_t)time(NULL);
    return now >= record->time_s && now < record->time_s + record->fresh_s;
}

/* What the answer says for the next time. */
static int remember(const struct job *job, const char *id, struct jp_error *err)
{
    const struct jp_transfer_response *response = &job->response;
    const char *etag = jp_transfer_header(response, "etag");
    struct jp_record record = {
        .url = (char *)(uintptr_t)job->url,
        .etag = etag && strlen(etag) <= MAX_ETAG ? (char *)(uintptr_t)etag : NULL,
        .id = (char *)(uintptr_t)id,
        .time_s = (int64_t)time(NULL),
        .fresh_s = jp_record_freshness(jp_transfer_header(response, "cache-control")),
        .is_verified = job->is_verified,
        .is_public = job->is_from_public,
    };
    if (job->options->import.manifest)
        return 0; /* the image is not what lies there */
    return jp_record_keep(root_of(job), job->key, &record, err);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static struct jp_transfer_request request_for(const struct job *job, const char *etag)
{
    struct jp_transfer_request request = JP_TRANSFER_REQUEST_INIT;
    request.url = job->url;
    request.etag = etag;
    request.is_typed = !job->is_from_page;
    request.is_from_public = job->is_from_public;
    request.limits.bytes = job->fetching->settings.limits.bytes;
    return request;
}

/* ---- importing ------------------------------------------------------------------------------- */

/*
 * The last word before the image counts: it came whole, and whoever signed it may sign this name
 * (row 41), where nobody knew it before.
 */
static int accept_image(void *context, const char *name, struct jp_error *err)
{
    struct job *job = context;
    struct jp_cli_signature *judged = &job->judged;
    if (job->response.body_fd >= 0 &&
        jp_transfer_end(job->fetching->transfer, &job->response, err) < 0)
        return -1;
    return judged->answer.verdict == JP_TRUST_SIGNED
               ? jp_trust_confirm(&judged->trust, name, &judged->answer, err)
               : 0;
}

static int import(struct job *job, int fd, struct jp_fetched *ret, struct jp_error *err)
{
    struct jp_image_import_options options = job->options->import;
    const struct jp_pairs *labels = job->name ? &job->name->labels : NULL;
    size_t count = labels ? labels->count : 0;
    JP_AUTO_FREE struct jp_store_label *expected = jp_calloc(count + 1, sizeof(*expected));
    if (!expected)
        return jp_oom(err);
    for (size_t i = 0; i < count; i++)
        expected[i] = (struct jp_store_label){labels->items[i].name, labels->items[i].value};
    options.fd = fd;
    options.source_name = strcmp(job->url, "-") == 0 ? "standard input" : job->url;
    if (job->name) {
        options.expected_name = job->name->name;
        options.expected_labels = expected;
        options.n_expected_labels = count;
    }
    if (job->expected_id)
        options.expected_id = job->expected_id;
    options.signature = job->is_verified ? &job->judged.image : NULL;
    options.accept = accept_image;
    options.accept_context = job;
    options.watch = jp_progress_watch(&job->progress, job->fetching->settings.cancel);
    return jp_cli_import_archive(job->fetching->cli, &options, &ret->image, err);
}

/* Straight from the network. */
static int import_stream(struct job *job, struct jp_fetched *ret, struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    if (job->response.length > 0)
        job->progress.expected = (uint64_t)job->response.length;
    if (import(job, job->response.body_fd, ret, &why) == 0)
        return 0;
    /* An archive that ends too early because the transfer did: that is the reason to tell. */
    if (job->response.body_fd < 0 || why.code == JP_EINTERRUPTED ||
        !jp_transfer_has_failed(job->fetching->transfer, &job->response, err))
        jp_error_move(err, &why);
    return -1;
}

static int fetch_unsigned(struct job *job, const struct jp_record *record, struct jp_fetched *ret,
                          struct jp_error *err)
{
    struct jp_transfer_request request = request_for(job, record ? record->etag : NULL);
    request.continues = true;
    if (jp_transfer_begin(job->fetching->transfer, &request, &job->response, err) < 0)
        return -1;
    if (job->response.status == 304 && record)
        return 0;
    if (job->response.status / 100 != 2)
        return jp_transfer_fail_status(&job->response, err);
    return import_stream(job, ret, err) < 0 ? -1 : 1;
}

/* ---- signatures ------------------------------------------------------------------------------ */

/* Nobody shall do without a signature because of an image that is not there. */
static int require_image(struct job *job, struct jp_error *err)
{
    JP_AUTO(jp_transfer_response) response = JP_TRANSFER_RESPONSE_INIT;
    struct jp_transfer_request request = request_for(job, NULL);
    request.method = JP_HTTP_HEAD;
    if (jp_transfer_begin(job->fetching->transfer, &request, &response, err) < 0)
        return -1;
    return response.status == 404 || response.status == 410
               ? jp_transfer_fail_status(&response, err)
               : 0;
}

static int get_signature(struct job *job, struct jp_buf *ret, struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    if (jp_fetching_text(job->fetching, job->signature_url, job->is_from_page, job->is_from_public,
                         JP_TRUST_SIGNATURE_MAX, ret, &why) == 0)
        return 0;
    if (why.code != JP_ENOTFOUND) {
        jp_error_move(err, &why);
        return -1;
    }
    if (require_image(job, err) < 0)
        return -1;
    return jp_fail(err, JP_EUNTRUSTED, 0,
                   "%s has no signature (%s): use -allow-unsigned or set allow.no-signature = on",
                   job->url, job->signature_url);
}

static struct jp_trust_question question_for(const struct job *job, int fd,
                                             const struct jp_buf *signature)
{
    return (struct jp_trust_question){
        .name = job->name ? job->name->name : job->options->import.expected_name,
        .fd = fd,
        .what = job->url,
        .signature = jp_buf_text(signature),
        .signature_len = signature->len,
    };
}

static int judge(struct job *job, int fd, const struct jp_buf *signature, struct jp_error *err)
{
    struct jp_cli *cli = job->fetching->cli;
    const struct jp_trust_question question = question_for(job, fd, signature);
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    int r = jp_cli_signature_judge(cli, &question, &job->judged, &why);
    if (r < 0 && job->name && job->judged.answer.verdict == JP_TRUST_UNKNOWN &&
        jp_config_bool(cli->config, "allow.autodiscovery")) {
        JP_AUTO(jp_error) refusal = JP_ERROR_INIT;
        jp_progress_end(&job->progress);
        if (jp_cli_offer_found_keys(job->fetching, job->name, job->name->name, NULL, &refusal) < 0)
            return jp_fail(err, why.code, 0, "%s; %s", jp_error_text(&why),
                           jp_error_text(&refusal));
        jp_cli_signature_clear(&job->judged);
        jp_error_clear(&why);
        r = jp_cli_signature_judge(cli, &question, &job->judged, &why);
    }
    jp_error_move(err, &why);
    job->is_verified = r == 0;
    return r;
}

static int fetch_signed(struct job *job, const struct jp_record *record, struct jp_fetched *ret,
                        struct jp_error *err)
{
    JP_AUTO(jp_buf) signature = JP_BUF_INIT;
    JP_AUTO_FD int tmp_fd = jp_fd_open_dir(root_of(job), "tmp", err);
    JP_AUTO_FD int fd = -1;
    const struct jp_image_watch watch =
        jp_progress_watch(&job->progress, job->fetching->settings.cancel);
    const struct jp_download download = {
        .transfer = job->fetching->transfer,
        .tmp_fd = tmp_fd,
        .progress = watch.progress,
        .context = watch.context,
    };
    const struct jp_transfer_request request = request_for(job, record ? record->etag : NULL);
    if (tmp_fd < 0 || (!record && get_signature(job, &signature, err) < 0) ||
        jp_download(&download, &request, &fd, &job->response, err) < 0)
        return -1;
    if (job->response.status == 304 && record)
        return 0;
    if (fd < 0)
        return jp_transfer_fail_status(&job->response, err);
    if ((record && get_signature(job, &signature, err) < 0) ||
        judge(job, fd, &signature, err) < 0 || import(job, fd, ret, err) < 0)
        return -1;
    return 1;
}

/* ---- one place ------------------------------------------------------------------------------- */

/* record NULL: nothing is known of it. */
static int fetch_changed(struct job *job, struct jp_record *record, struct jp_fetched *ret,
                         struct jp_error *err)
{
    int r = job->options->allows_unsigned ? fetch_unsigned(job, record, ret, err)
                                          : fetch_signed(job, record, ret, err);
    if (r == 0)
        return take_unchanged(job, record, ret, err);
    return r < 0 ? -1 : remember(job, ret->image.id, err);
}

static int fetch_place(struct job *job, struct jp_fetched *ret, struct jp_error *err)
{
    JP_AUTO(jp_record) record = JP_RECORD_INIT;
    job->progress = jp_progress_new(job->url, job->options->is_quiet);
    job->response = (struct jp_transfer_response)JP_TRANSFER_RESPONSE_INIT;
    job->judged = (struct jp_cli_signature){.record = NULL};
    job->is_verified = false;
    int r = usable_record(job, &record, err);
    bool is_known = r > 0 && strcmp(record.url, job->url) == 0;
    if (r >= 0)
        r = is_known && is_fresh(&record)
                ? take_unchanged(job, &record, ret, err)
                : fetch_changed(job, is_known && record.etag ? &record : NULL, ret, err);
    jp_progress_end(&job->progress);
    jp_transfer_response_clear(&job->response);
    jp_cli_signature_clear(&job->judged);
    return r;
}

/* ---- locations ------------------------------------------------------------------------------- */

/* The graph that is being fetched: how many are left to be fetched before it is an attack. */
static int fetch_missing(struct jp_fetching *fetching, const char *id,
                         const struct jp_fetch_options *options, unsigned *budget,
                         struct jp_error *err);

int jp_fetch_url(struct jp_fetching *fetching, const char *url,
                 const struct jp_fetch_options *options, struct jp_fetched *ret,
                 struct jp_error *err)
{
    size_t path = strcspn(url, "?#");
    JP_AUTO_FREE char *signature =
        jp_format("%.*s%s%s", (int)path, url, JP_TRUST_SUFFIX, url + path);
    JP_AUTO_FREE char *key = jp_format("url %s", url);
    struct job job = {
        .fetching = fetching,
        .options = options,
        .key = key,
        .url = url,
        .signature_url = signature,
        .expected_id = options->import.expected_id,
    };
    if (!signature || !key)
        return jp_oom(err);
    if (fetch_place(&job, ret, err) < 0)
        return -1;
    return jp_fetch_missing(fetching, ret->image.id, options, err);
}

/* `.asc` beside it, as for import: there it costs nothing to look. */
static int judge_file(struct job *job, int *fd, struct jp_buf *signature, struct jp_error *err)
{
    struct jp_cli *cli = job->fetching->cli;
    bool may_be_unsigned = job->options->allows_unsigned;
    int r = jp_cli_location_read_beside(job->url, JP_TRUST_SUFFIX, JP_TRUST_SIGNATURE_MAX,
                                        signature, err);
    if (r == 0 && !may_be_unsigned)
        return jp_fail(err, JP_EUNTRUSTED, 0,
                       "%s has no signature: use -allow-unsigned or set allow.no-signature = on",
                       job->url);
    if (r <= 0)
        return r;
    if (jp_cli_spool(cli, fd, job->url, err) < 0)
        return -1;
    if (!may_be_unsigned)
        return judge(job, *fd, signature, err);
    const struct jp_trust_question question = question_for(job, *fd, signature);
    r = jp_cli_signature_judge_found(cli, &question, &job->judged, err);
    job->is_verified = r > 0;
    return r < 0 ? -1 : 0;
}

int jp_fetch_file(struct jp_fetching *fetching, const char *location,
                  const struct jp_fetch_options *options, struct jp_fetched *ret,
                  struct jp_error *err)
{
    JP_AUTO(jp_buf) signature = JP_BUF_INIT;
    struct job job = {
        .fetching = fetching,
        .options = options,
        .url = location,
        .progress = jp_progress_new(location, options->is_quiet),
        .response = JP_TRANSFER_RESPONSE_INIT,
    };
    JP_AUTO_FD int fd = jp_cli_location_open(location, err);
    int r = fd < 0 ? -1 : 0;
    if (r == 0)
        r = judge_file(&job, &fd, &signature, err);
    if (r == 0)
        r = import(&job, fd, ret, err);
    jp_progress_end(&job.progress);
    jp_cli_signature_clear(&job.judged);
    return r < 0 ? -1 : jp_fetch_missing(fetching, ret->image.id, options, err);
}

/* Labels that nobody asked for in other words: of this host, or of the image that wants the other.
 */
static int add_defaults(struct jp_pairs *labels, const char *os, const char *arch,
                        struct jp_error *err)
{
    const char *const defaults[][2] = {{"os", os ? os : jp_pod_host_os()},
                                       {"arch", arch ? arch : jp_pod_host_arch()}};
    for (size_t i = 0; i < JP_LEN(defaults); i++) {
        if (!jp_pairs_get(labels, defaults[i][0]) &&
            jp_pairs_set(labels, defaults[i][0], defaults[i][1], err) < 0)
            return -1;
    }
    return 0;
}

/* A name is looked up with the labels of this host where it says nothing about them. */
static int parse_name(const char *word, struct jp_image_name *ret, struct jp_error *err)
{
    if (jp_image_name_parse(word, ret, err) < 0)
        return -1;
    if (ret->tags.count > 0)
        return jp_fail(err, JP_EUSAGE, 0,
                       "'%s': tags are this host's own, nothing can be found by them", word);
    return add_defaults(&ret->labels, NULL, NULL, err);
}

/* The place where it was found not long ago, when that is still the same: 1, 0, -1. */
static int try_last_place(struct job *job, struct jp_fetched *ret, struct jp_error *err)
{
    JP_AUTO(jp_record) record = JP_RECORD_INIT;
    JP_AUTO(jp_error) ignored = JP_ERROR_INIT;
    int64_t now = (int64_t)time(NULL);
    int r = usable_record(job, &record, err);
    if (r <= 0 || now < record.time_s || now > record.time_s + JP_RECORD_DISCOVERY_S)
        return r < 0 ? -1 : 0;
    job->url = record.url;
    job->is_from_public = record.is_public;
    job->response = (struct jp_transfer_response)JP_TRANSFER_RESPONSE_INIT;
    const struct jp_transfer_request request = request_for(job, record.etag);
    bool is_same = is_fresh(&record) || (record.etag &&
                                         jp_transfer_begin(job->fetching->transfer, &request,
                                                           &job->response, &ignored) == 0 &&
                                         job->response.status == 304);
    jp_transfer_response_clear(&job->response);
    if (ignored.code == JP_EINTERRUPTED) {
        jp_error_move(err, &ignored);
        return -1;
    }
    if (!is_same)
        return 0;
    return take_unchanged(job, &record, ret, err) < 0 ? -1 : 1;
}

/*
 * The places that a page named, in order. The next one is tried where one has nothing or cannot be
 * reached; what is refused (a signature, a certificate, another image) ends the search.
 */
static int try_places(struct job *job, const struct jp_discovery *found, struct jp_fetched *ret,
                      struct jp_error *err)
{
    JP_AUTO(jp_error) first = JP_ERROR_INIT;
    for (size_t i = 0; i < found->images.count; i++) {
        JP_AUTO(jp_error) why = JP_ERROR_INIT;
        job->url = found->images.items[i];
        job->signature_url = found->signatures.items[i];
        if (fetch_place(job, ret, &why) == 0)
            return 0;
        bool is_last = i + 1 == found->images.count;
        bool may_go_on = why.code == JP_ENOTFOUND || why.code == JP_ESYS || why.code == JP_EBUSY ||
                         why.code == JP_EUNSUPPORTED;
        if (first.code == JP_OK || !may_go_on) {
            jp_error_clear(&first);
            jp_error_move(&first, &why);
        }
        if (is_last || !may_go_on)
            break;
        jp_fetched_clear(ret);
    }
    jp_error_move(err, &first);
    return -1;
}

static int discover(struct job *job, struct jp_fetched *ret, struct jp_error *err)
{
    JP_AUTO(jp_discovery) found = JP_DISCOVERY_INIT;
    int r = try_last_place(job, ret, err);
    if (r != 0)
        return r < 0 ? -1 : 0;
    if (jp_discover(job->fetching->transfer, job->name, JP_DISCOVER_IMAGES, &found, err) < 0)
        return -1;
    job->is_from_public = found.is_public;
    return try_places(job, &found, ret, err);
}

static int fetch_name(struct jp_fetching *fetching, const struct jp_image_name *name,
                      const char *expected_id, const struct jp_fetch_options *options,
                      struct jp_fetched *ret, struct jp_error *err)
{
    JP_AUTO_FREE char *canonical = jp_image_name_print(name);
    JP_AUTO_FREE char *key = canonical ? jp_format("name %s", canonical) : NULL;
    struct job job = {
        .fetching = fetching,
        .options = options,
        .name = name,
        .expected_id = expected_id,
        .key = key,
        .is_from_page = true,
    };
    if (!key)
        return jp_oom(err);
    return discover(&job, ret, err);
}

int jp_fetch_name(struct jp_fetching *fetching, const char *word,
                  const struct jp_fetch_options *options, struct jp_fetched *ret,
                  struct jp_error *err)
{
    JP_AUTO(jp_image_name) name = JP_IMAGE_NAME_INIT;
    if (parse_name(word, &name, err) < 0 ||
        fetch_name(fetching, &name, options->import.expected_id, options, ret, err) < 0)
        return -1;
    return jp_fetch_missing(fetching, ret->image.id, options, err);
}

/* ---- dependencies ---------------------------------------------------------------------------- */

static int read_manifest(struct jp_store *store, const char *id, struct jp_image_manifest *ret,
                         struct jp_error *err)
{
    struct jp_buf text = JP_BUF_INIT;
    JP_AUTO_FD int dir_fd = -1;
    if (jp_store_image_open(store, id, &dir_fd, err) < 0)
        return -1;
    int r = jp_file_read(dir_fd, "manifest", JP_IMAGE_LIMIT_MANIFEST, &text, err);
    if (r == 0)
        r = jp_image_manifest_parse(jp_buf_text(&text), text.len, ret, err);
    jp_buf_clear(&text);
    return r;
}

static int name_dependency(const struct jp_dependency *dependency,
                           const struct jp_image_manifest *wanted_by, struct jp_image_name *ret,
                           struct jp_error *err)
{
    ret->name = jp_strdup(dependency->image_name);
    if (!ret->name)
        return jp_oom(err);
    if (jp_pairs_copy(&ret->labels, &dependency->labels, err) < 0)
        return -1;
    return add_defaults(&ret->labels, jp_image_manifest_label(wanted_by, "os"),
                        jp_image_manifest_label(wanted_by, "arch"), err);
}

static int fetch_dependency(struct jp_fetching *fetching, const struct jp_dependency *dependency,
                            const struct jp_image_manifest *wanted_by,
                            const struct jp_fetch_options *options, unsigned *budget,
                            struct jp_error *err)
{
    JP_AUTO(jp_image_name) name = JP_IMAGE_NAME_INIT;
    JP_AUTO(jp_fetched) fetched = {.is_unchanged = false};
    /* What was expected of the image that wants it is nothing that is expected of this one. */
    struct jp_fetch_options own = *options;
    own.import.manifest = NULL;
    own.import.expected_name = NULL;
    own.import.expected_id = NULL;
    if (*budget == 0)
        return jp_fail(err, JP_ELIMIT, 0, "more than %d images depend on each other", MAX_IMAGES);
    (*budget)--;
    if (name_dependency(dependency, wanted_by, &name, err) < 0 ||
        fetch_name(fetching, &name, dependency->image_id, &own, &fetched, err) < 0)
        return -1;
    return fetch_missing(fetching, fetched.image.id, options, budget, err);
}

static int fetch_missing(struct jp_fetching *fetching, const char *id,
                         const struct jp_fetch_options *options, unsigned *budget,
                         struct jp_error *err)
{
    struct jp_store *store = fetching->cli->pods.store;
    JP_AUTO(jp_image_manifest) m = JP_IMAGE_MANIFEST_INIT;
    if (read_manifest(store, id, &m, err) < 0)
        return -1;
    for (size_t i = 0; i < m.dependencies.count; i++) {
        const struct jp_dependency *dependency = &m.dependencies.items[i];
        JP_AUTO(jp_error) why = JP_ERROR_INIT;
        int r = jp_image_is_here(store, dependency, err);
        if (r < 0)
            return -1;
        if (r > 0 || fetch_dependency(fetching, dependency, &m, options, budget, &why) == 0)
            continue;
        jp_wrap(&why, "%s needs %s", m.name, dependency->image_name);
        if (options->needs_whole || why.code == JP_EINTERRUPTED) {
            jp_error_move(err, &why);
            return -1;
        }
        jp_cli_warn(jp_error_text(&why));
    }
    return 0;
}

int jp_fetch_missing(struct jp_fetching *fetching, const char *id,
                     const struct jp_fetch_options *options, struct jp_error *err)
{
    unsigned budget = MAX_IMAGES;
    if (!jp_config_bool(fetching->cli->config, "allow.autodiscovery"))
        return 0;
    return fetch_missing(fetching, id, options, &budget, err);
}
