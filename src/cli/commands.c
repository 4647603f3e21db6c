/*
 * The table of commands. A command of a later version is not in it before it works.
 */
#include <string.h>

#include "base/macros.h"
#include "cli/command.h"

/* clang-format off */
#define END {NULL, 0, NULL, NULL, 0}
#define FORMAT {"format", 0, "FORMAT", "table (default) or json", 0}
#define QUIET {"quiet", 'q', NULL, "ids only", 0}
#define BARE {"no-header", 'H', NULL, "no header, columns separated by tabs", 0}
#define SAVEID {"saveid", 0, "FILE", "write the id to FILE as well", 0}

const struct jp_cli_option jp_global_options[] = {
    {"config", 0, "PATH", "read this configuration file", 0},
    {"option", 'o', "VAR[=VALUE]", "set a configuration variable; without a value: on", 0},
    {"help", 'h', NULL, "print help", 0},
    {"version", 0, NULL, "print the version", 0},
    END,
};

static const struct jp_cli_option none[] = {END};
static const struct jp_cli_option format_only[] = {FORMAT, END};

static const struct jp_cli_option help_options[] = {
    {"format", 0, "FORMAT", "text (default); words, operands, mdoc, keys, sample: for shells and manuals", 0},
    END};
static const struct jp_cli_option fsck_options[] = {
    {"repair", 0, NULL, "mend what is found; a deleted database is rebuilt", 0}, FORMAT, END};
static const struct jp_cli_option mds_options[] = {
    {"serve", 0, NULL, "be the service, in the foreground, until a signal ends it", 0}, FORMAT, END};
static const struct jp_cli_option network_options[] = {BARE, FORMAT, END};
static const struct jp_cli_option gc_options[] = {
    {"exited", 0, NULL, "destroy pods that have ended, too", 0},
    {"images", 0, NULL, "destroy images that nothing uses, too, but for those with tags", 0},
    {"older", 0, "TIME", "only pods that ended and images that came so long ago (30s, 10m, 2h, 7d)", 0},
    {"keep", 0, "COUNT", "with -images: of each name the newest so many versions stay", 0},
    {"tagged", 0, NULL, "with -images: also those with tags", 0},
    {"dry-run", 'n', NULL, "say what would be done with pods and images, and do nothing", 0}, FORMAT, END};
#define PLATFORM {"platform", 0, "OS/ARCH[/VARIANT]", "which one of several OCI images", 0}
#define PASSPHRASE {"passphrase-file", 0, "FILE", "what opens an encrypted image: the first line of FILE", 0}
#define ALLOW_HTTP {"allow-http", 0, "HOST[:PORT]", "plain http is permitted for this host (may be repeated)", 0}
static const struct jp_cli_option import_options[] = {
    {"name", 0, "NAME", "refuse an image of another name; what an OCI image is called here", 0},
    PLATFORM, ALLOW_HTTP,
    {"sig", 0, "LOCATION", "the signature of the image (else LOCATION.asc, where there is one)", 0},
    {"allow-unsigned", 0, NULL, "accept an image without a signature", 0}, PASSPHRASE,
    SAVEID, {"quiet", 'q', NULL, "no progress bar, print the id only", 0}, FORMAT, END};
#define FETCHED_UNSIGNED {"allow-unsigned", 0, NULL, "accept images without a signature when they are fetched", 0}
static const struct jp_cli_option trust_options[] = {
    {"prefix", 0, "PREFIX", "for images whose names are PREFIX or begin with it and a slash", 0},
    {"root", 0, NULL, "for every image", 0},
    {"fingerprint", 0, "FINGERPRINT", "trust this key of the file, in full digits, without asking", 0},
    ALLOW_HTTP, {"quiet", 'q', NULL, "fingerprints only", 0}, BARE, FORMAT, END};
static const struct jp_cli_option sign_options[] = {
    {"key", 0, "FILE", "the secret key, as GnuPG and Sequoia export it", 0},
    {"passphrase-file", 0, "FILE", "its passphrase is the first line of FILE", 0},
    {"output", 'o', "FILE", "where to, '-' for standard output (LOCATION.asc)", 0}, END};
static const struct jp_cli_option untrust_options[] = {
    {"prefix", 0, "PREFIX", "only for this prefix", 0},
    {"root", 0, NULL, "only as a key for every image", 0}, END};
static const struct jp_cli_option fetch_options[] = {
    {"allow-unsigned", 0, NULL, "accept images without a signature", 0}, ALLOW_HTTP, PASSPHRASE,
    {"no-cache", 0, NULL, "fetch again what is here already, too", 0},
    {"name", 0, "NAME[:VERSION]", "what an OCI image is called here", 0}, PLATFORM, SAVEID, {"quiet", 'q', NULL, "no progress bar, print the id only", 0}, FORMAT, END};
static const struct jp_cli_option images_options[] = {
    {"tag", 0, "TAG", "only images with this tag", 0},
    {"filter", 0, "NAME=VALUE", "only images with this name or label:NAME", 0},
    {"outdated", 0, NULL, "only images of which a newer version is here", 0},
    {"unused", 0, NULL, "only images that no pod needs, nor an image that one needs", 0},
    {"sort", 0, "ORDER", "name, size, created or imported: largest or newest first", 0}, QUIET, BARE,
    {"long", 'l', NULL, "full ids, and what they take on disk", 0}, FORMAT, END};
static const struct jp_cli_option tag_options[] = {
    {"unique", 0, NULL, "move the tag: no other image of that name keeps it", 0}, END};
static const struct jp_cli_option export_options[] = {
    {"compression", 0, "METHOD", "none, gzip, bzip2, xz or zstd (images.aci.compression)", 0},
    {"oci", 0, NULL, "an OCI image layout instead: FILE its tar, DIR/ a directory", 0},
    {"flat", 0, NULL, "one archive with all that the image depends on", 0},
    {"quiet", 'q', NULL, "no progress bar", 0}, END};
static const struct jp_cli_option build_options[] = {
    {"dir", 0, "DIR", "the build directory (the current one)", 0},
    {"cp", 0, "PATH", "a file or directory that goes into it as well, can be repeated", 0},
    {"reproducible", 0, NULL, "no later times than SOURCE_DATE_EPOCH, or the parent's", 0},
    {"keep", 0, NULL, "keep the pod of a build that fails", 0},
    {"environment", 'e', "NAME=VALUE", "set a variable of the command, can be repeated", 0},
    {"volume", 'v', "[-]NAME[:/PATH]", "a volume, as of run", 0},
    {"mount", 'm', "VOLUME:/PATH", "mount it there", 0},
    {"net", 0, "pod|host|none|NETWORK[,ip=ADDRESS]", "network of the pod", 0},
    {"dns", 0, "ADDRESS", "name server; may be repeated", 0},
    {"hostname", 0, "NAME", "host name inside the pod", 0},
    {"memory", 0, "QUANTITY", "memory limit, as 512Mi", 0},
    {"cpu", 0, "QUANTITY", "limit of processor cores, as 0.5 or 500m", 0},
    {"caps-retain", 0, "CAP[,CAP...]", "the only capabilities", 0},
    {"caps-remove", 0, "CAP[,CAP...]", "capabilities to take from the default", 0},
    {"seccomp", 0, "unconfined|mode=retain|remove[,errno=E],CALL...", "filter of system calls", 0},
    FETCHED_UNSIGNED, ALLOW_HTTP, PASSPHRASE, SAVEID, FORMAT, END};
static const struct jp_cli_option commit_options[] = {
    {"reproducible", 0, NULL, "no later times than SOURCE_DATE_EPOCH, or the image's", 0},
    SAVEID, FORMAT, END};
static const struct jp_cli_option push_options[] = {
    {"compression", 0, "METHOD", "of the layers: none, gzip or zstd (gzip)", 0}, ALLOW_HTTP,
    {"quiet", 'q', NULL, "no progress bar", 0}, END};
static const struct jp_cli_option verify_options[] = {
    {"all", 0, NULL, "every image", 0}, {"quiet", 'q', NULL, "no progress bar, differences only", 0},
    FORMAT, END};
static const struct jp_cli_option bring_options[] = {FETCHED_UNSIGNED, ALLOW_HTTP, PASSPHRASE, END};
static const struct jp_cli_option prepare_options[] = {
    {"manifest", 'f', "FILE", "take the pod manifest from FILE, '-' for standard input", 0},
    {"dry-run", 'n', NULL, "print the reified manifest and make nothing", 0}, SAVEID,
    FETCHED_UNSIGNED, ALLOW_HTTP, PASSPHRASE, END};
static const struct jp_cli_option run_options[] = {
    {"manifest", 'f', "FILE", "take the pod manifest from FILE, '-' for standard input", 0},
    {"dry-run", 'n', NULL, "print the reified manifest and make nothing", 0},
    SAVEID,
    {"tty", 't', NULL, "give the app a terminal; its input and output are ours", 0},
    {"interactive", 'i', NULL, "send standard input to the app", 0},
    {"detach", 'd', NULL, "run in the background: print the pod's UUID and return", 0},
    {"app", 0, "NAME", "start only this app", 0},
    {"destroy", 0, NULL, "destroy the pod when it has ended", 0},
    {"keep", 0, NULL, "keep the root file systems of this run afterwards", 0},
    FETCHED_UNSIGNED, ALLOW_HTTP, PASSPHRASE, END};
static const struct jp_cli_option start_options[] = {
    {"keep", 0, NULL, "keep the root file systems of this run afterwards", 0}, END};
static const struct jp_cli_option stop_options[] = {
    {"time", 't', "SECONDS", "wait so long before SIGKILL (stop.grace)", 0}, END};
static const struct jp_cli_option kill_options[] = {
    {"signal", 's', "SIGNAL", "send this signal to the apps instead", 0}, END};
static const struct jp_cli_option killall_options[] = {
    {"signal", 's', "SIGNAL", "the signal (TERM)", 0}, END};
static const struct jp_cli_option list_options[] = {
    QUIET, BARE, {"long", 'l', NULL, "also the images of the apps", 0},
    {"filter", 0, "NAME=VALUE",
     "only pods with this state, name, app, image, label:NAME or annotation:NAME", 0},
    FORMAT, END};
static const struct jp_cli_option logs_options[] = {
    {"follow", 'f', NULL, "go on until the pod has ended", 0},
    {"tail", 'n', "NUMBER", "only the last lines", 0},
    {"since", 0, "TIME", "only from then on: RFC 3339, or how long ago (10m)", 0},
    {"timestamps", 't', NULL, "begin every line with its time", 0},
    {"no-prefix", 0, NULL, "leave out the names of the apps", 0}, FORMAT, END};
static const struct jp_cli_option wait_options[] = {
    {"timeout", 't', "SECONDS", "give up after so long: status 125", 0}, END};
static const struct jp_cli_option exec_options[] = {
    {"interactive", 'i', NULL, "send standard input", 0},
    {"tty", 't', NULL, "give the program a terminal", 0},
    {"user", 'u', "USER", "run as this user of the image", 0},
    {"workdir", 'w', "PATH", "run in this directory", 0},
    {"environment", 'e', "NAME=VALUE", "set a variable, can be repeated", 0}, END};
static const struct jp_cli_option attach_options[] = {
    {"interactive", 'i', NULL, "send standard input", 0},
    {"tty", 't', NULL, "the app has a terminal: pass keys on as they are typed", 0},
    {"detach-keys", 0, "KEYS", "what ends it, as ctrl-p,ctrl-q (default)", 0}, END};
static const struct jp_cli_option set_options[] = {
    {"memory", 0, "QUANTITY", "memory, as 512Mi", 0},
    {"cpu", 0, "QUANTITY", "processor cores, as 0.5 or 500m", 0},
    {"cpu-shares", 0, "NUMBER", "weight beside other groups, 2 to 262144", 0},
    {"block-bandwidth", 0, "QUANTITY", "bytes a second of each block device", 0},
    {"block-iops", 0, "NUMBER", "operations a second of each block device", 0},
    {"network-bandwidth", 0, "QUANTITY", "bytes a second each way, of the pod", 0}, END};
static const struct jp_cli_option ps_options[] = {BARE, FORMAT, END};
static const struct jp_cli_option top_options[] = {
    {"batch", 'b', NULL, "no terminal control: print one table after the other", 0},
    {"iterations", 'n', "NUMBER", "end after so many tables", 0},
    {"delay", 's', "SECONDS", "time between two tables (2)", 0}, END};

#define POD_SYNOPSIS "[OPTION...] [IMAGE [APP-OPTION...] [-- ARG... [---]]]..."

const struct jp_command jp_commands[] = {
    {"init", JP_GROUP_HOST, JP_COMMAND_ROOT, 0, 0, "", "make the root directory",
     "Makes the root directory with the database, the secret keys of the metadata service, its user "
     "(mds.user) when the host has none, and everything else that is needed. Other commands do it by "
     "themselves when it is missing. A second time it says so and changes nothing.",
     none, "jetpack -o root.dir=/srv/jetpack init"},
    {"info", JP_GROUP_HOST, 0, 0, 0, "[OPTION...]", "show this installation",
     "Shows version, root directory, storage driver, numbers of images and pods, network, and what "
     "the host offers.",
     format_only, "jetpack info -format=json"},
    {"config", JP_GROUP_HOST, 0, 0, JP_NO_LIMIT, "[OPTION...] [VAR...]",
     "show the configuration",
     "Without VAR: all variables as `key = value`, secret keys masked. With VAR: the values, a line "
     "each.",
     format_only, "jetpack config root.dir\njetpack -o debug config debug"},
    {"doctor", JP_GROUP_HOST, 0, 0, 0, "[OPTION...]", "say what this host lacks",
     "Examines the host and says what is missing and what mends it. The exit status is 1 when "
     "something is missing.",
     format_only, "jetpack doctor"},
    {"gc", JP_GROUP_HOST, JP_COMMAND_ROOT, 0, 0, "[OPTION...]",
     "remove what interrupted commands left",
     "Finishes what was interrupted: half-made images and pods, mounts, networks, processes and "
     "leases of pods whose supervisor was killed, and forgets from where images were fetched 90 days ago "
     "or more. Pods that ended and images that nothing uses stay, "
     "unless an option says otherwise; images with tags stay even then, and what images that stay "
     "depend on.",
     gc_options,
     "jetpack gc\njetpack gc -exited -older 7d\njetpack gc -n -images -keep 2 # what would go"},
    {"fsck", JP_GROUP_HOST, JP_COMMAND_ROOT, 0, 0, "[OPTION...]", "check the store",
     "Compares the object directories with the database. The exit status is 1 when problems were "
     "found and not mended.",
     fsck_options, "jetpack fsck -repair"},
    {"mds", JP_GROUP_HOST, JP_COMMAND_ROOT, 0, 0, "[OPTION...]", "check the metadata service",
     "Asks the metadata service how it is. The first pod with a network starts it, and it ends some "
     "time after the last one (mds.idle). With -serve this command becomes the service and stays: "
     "for a service manager; when one is running it waits for its end.",
     mds_options, "jetpack mds\njetpack mds -serve"},
    {"network", JP_GROUP_HOST, JP_COMMAND_ROOT, 0, 2, "[OPTION...] [list | show [NAME] | repair]",
     "show networks, mend what they need",
     "Lists the networks that pods may join, or shows one with the rules of the firewall that let pods "
     "out. repair compares what running pods need of the host with what is there: bridges and their "
     "addresses, the pods' devices on them, the table of the firewall, forwarding; it mends what was "
     "deleted or flushed while the pods run on. Its exit status is 1 when something is left.",
     network_options, "jetpack network\njetpack network show lab\njetpack network repair"},
    {"test", JP_GROUP_HOST, JP_COMMAND_ROOT, 0, 0, "", "try this installation",
     "Makes a small image, imports it, runs it in a pod, and removes both, in a directory of its "
     "own. Nothing outside of it is touched.",
     none, "jetpack test"},
    {"version", JP_GROUP_HOST, 0, 0, 0, "[OPTION...]", "print the version", NULL, format_only, NULL},
    {"help", JP_GROUP_HOST, 0, 0, 1, "[OPTION...] [COMMAND]", "print help", NULL, help_options,
     "jetpack help run"},

    {"import", JP_GROUP_IMAGES, JP_COMMAND_ROOT | JP_COMMAND_IMAGE, 1, 2,
     "[OPTION...] LOCATION [MANIFEST]", "import an image from an archive",
     "LOCATION is an App Container image: a path, a file:// or https:// URL, or - for standard input; "
     "plain or compressed with gzip, bzip2, xz or zstd. With MANIFEST (a path or URL), LOCATION is the "
     "archive of a root file system instead. The image's id is the SHA-512 of the uncompressed archive. A signature "
     "(-sig, or LOCATION.asc beside it) is checked before anything is unpacked, and must be by a key "
     "that is trusted for the image's name. Unsigned images need -allow-unsigned or "
     "allow.no-signature = on; then a signature by an unknown key counts as none, and one that is "
     "wrong is still refused. From a URL an image comes as by fetch: where unsigned images are allowed, "
     "no signature is looked for, and what it depends on is fetched (allow.autodiscovery). Else images "
     "that it depends on may be imported later. A warning names those that are not here.\n\n"
     "An archive that is encrypted with a passphrase (gpg --symmetric) is opened by the first line of "
     "the file that -passphrase-file names. Its signature is one over the encrypted file. What was "
     "changed, or could be changed without anybody seeing it, is refused.\n\n"
     "OCI and Docker images are converted: oci:PATH[:REFERENCE] is an image layout, a directory or "
     "its archive, docker-archive:FILE[:NAME] what `docker save` writes, or wrote before Docker 1.10. Every layer becomes an "
     "image of its own, kept once however many images have it; on top stands the one with the name.",
     import_options,
     "jetpack import redis.aci # redis.aci.asc is its signature\n"
     "jetpack import -allow-unsigned redis.aci\n"
     "jetpack import -passphrase-file /root/secret redis.aci # encrypted\n"
     "jetpack import -allow-unsigned oci:layout:12 # a layout made by skopeo, umoci or buildah\n"
     "jetpack import -allow-unsigned rootfs.tar.xz manifest.json"},
    {"fetch", JP_GROUP_IMAGES, JP_COMMAND_ROOT | JP_COMMAND_IMAGE, 1, JP_NO_LIMIT,
     "[OPTION...] LOCATION...", "bring images from elsewhere",
     "LOCATION is the name of an image (NAME[:VERSION][,LABEL=VALUE]...), which the pages of the host "
     "in the name say where to find (discovery); an https:// URL of an image; a file:// URL, a path, "
     "or - for standard input. Plain http only with -allow-http for that very host, or, for URLs of "
     "yours, with allow.http = on; nothing ever leads from https down to http.\n\n"
     "The signature, beside the image under its name with .asc, is checked before anything is "
     "unpacked; without one -allow-unsigned or allow.no-signature = on is needed, and with these no "
     "signature is looked for at a name or URL; one beside a file counts as for import. Images that it "
     "depends on are fetched as well (allow.autodiscovery). What has not changed since it was fetched "
     "costs one request. A connection that breaks off is made anew, for the rest, where the server "
     "says by a strong ETag that it is still the same; of an image whose signature is waited for, what "
     "an interrupted command has brought is continued by the next one. fetch with the id of an "
     "image that is here fetches what it depends on. Encrypted images are as for import.\n\n"
     "docker://[REGISTRY/]NAME[:TAG][@DIGEST] is an image of a registry, by default of Docker's; "
     "oci:PATH[:REFERENCE] and docker-archive:FILE[:NAME] are as for import. Their digests are "
     "checked, but nobody's signature is. A token is asked for where the registry says; the password "
     "for that is the one of that place (fetch.auth.HOST).",
     fetch_options,
     "jetpack fetch example.com/redis:7.0\n"
     "jetpack fetch -allow-unsigned https://example.com/redis.aci\n"
     "jetpack fetch -allow-unsigned docker://debian:12-slim"},
    {"images", JP_GROUP_IMAGES, JP_COMMAND_ROOT, 0, 1, "[OPTION...] [IMAGE]", "list images",
     "All images by name, newest version first, or those that IMAGE fits. SIZE is that of the "
     "uncompressed archive; with -l, DISK is what its own files take and SHARED what those of the "
     "images take that it stands on, AGE the time since it came.",
     images_options,
     "jetpack images\njetpack images -q example.com/redis\njetpack images -tag environment/production"},
    {"show-image", JP_GROUP_IMAGES, JP_COMMAND_ROOT, 1, 1, "[OPTION...] IMAGE", "show an image",
     NULL, format_only, "jetpack show-image example.com/redis:7.0"},
    {"image-manifest", JP_GROUP_IMAGES, JP_COMMAND_ROOT, 1, 1, "IMAGE",
     "print the manifest of an image", NULL, none, "jetpack image-manifest sha512-3a"},
    {"destroy-image", JP_GROUP_IMAGES, JP_COMMAND_ROOT, 1, JP_NO_LIMIT, "IMAGE...",
     "destroy images",
     "Refused while a pod or another image uses it; the users are named.", none,
     "jetpack destroy-image example.com/redis:6.0"},
    {"tag", JP_GROUP_IMAGES, JP_COMMAND_ROOT, 2, JP_NO_LIMIT, "[OPTION...] IMAGE TAG...",
     "give an image tags",
     "A tag is a word of one's own for an image, to find it by: NAME@TAG, or NAME@TAG,TAG with all "
     "of them. It is written like a name and may have a value after a slash. Several images may have "
     "the same; with -unique it is moved.",
     tag_options,
     "jetpack tag -unique example.com/redis:7.0 environment/production\n"
     "jetpack run example.com/redis@environment/production"},
    {"untag", JP_GROUP_IMAGES, JP_COMMAND_ROOT, 2, JP_NO_LIMIT, "IMAGE TAG...",
     "take tags from an image", NULL, none,
     "jetpack untag example.com/redis:7.0 environment/production"},
    {"export", JP_GROUP_IMAGES, JP_COMMAND_ROOT | JP_COMMAND_IMAGE, 1, 2,
     "[OPTION...] IMAGE [FILE]", "write an image to an archive",
     "The uncompressed archive is byte for byte the one that was imported. Without FILE, or with -, "
     "it goes to standard output, which must not be a terminal. An archive that was kept as it came "
     "(images.aci.store) is given back so, unless a compression is asked for. With -flat the archive "
     "holds the root file system that the image stands for with its dependencies, as an image that "
     "depends on nothing; its id is printed when it is written to FILE.",
     export_options, "jetpack export -compression=zstd example.com/redis redis.aci"},
    {"build", JP_GROUP_IMAGES,
     JP_COMMAND_ROOT | JP_COMMAND_IMAGE | JP_COMMAND_STATUS | JP_COMMAND_PROGRAM, 2, JP_NO_LIMIT,
     "[OPTION...] IMAGE COMMAND [ARG...]", "make an image by a command on top of another",
     "Makes a pod from IMAGE, copies the build directory and what -cp names into the directory "
     "/.jetpack.build. of it (0700, the files are root's), and runs COMMAND there as root, on this "
     "terminal, with the network and the metadata service that pods have. The image's own app counts "
     "for nothing: environment, mounts, handlers and isolators are those given here. When the command "
     "has ended with status 0 and everything in the pod is dead, manifest.json of the build directory "
     "becomes the manifest of an image that holds what differs from IMAGE, without the build "
     "directory and /etc/resolv.conf, and depends on IMAGE.\n\n"
     "What the manifest does not say is filled in: the annotation timestamp, the labels os and arch "
     "of IMAGE (a label os or arch that is empty is taken out). When something was deleted, the "
     "pathWhitelist lists all that is left (the annotation jetpack/removed what is gone, where that "
     "list would take more than 1 MiB). With -reproducible the same content gives the same image "
     "id, as for commit.\n\n"
     "A build that fails leaves nothing, or with -keep its pod, to be looked at with diff, exec and "
     "cp. The exit status is the command's; 125 when Jetpack itself failed.",
     build_options,
     "jetpack build -dir . -saveid image.id example.com/debian ./install.sh\n"
     "jetpack build -cp nginx.conf -e DEBIAN_FRONTEND=noninteractive example.com/debian /bin/sh build.sh"},
    {"push", JP_GROUP_IMAGES, JP_COMMAND_ROOT | JP_COMMAND_IMAGE, 2, 2,
     "[OPTION...] IMAGE docker://[REGISTRY/]NAME[:TAG]", "send an image to a registry",
     "As an OCI image that every other program takes: a layer for each image that it stands on, less "
     "what whitelists leave out. What the registry has is not sent again; the manifest is sent last. "
     "Prints the manifest's digest, which the same image has every time.",
     push_options, "jetpack push example.com/redis:7.0 docker://registry.example.com/redis:7.0"},
    {"verify", JP_GROUP_IMAGES, JP_COMMAND_ROOT | JP_COMMAND_IMAGE, 0, JP_NO_LIMIT,
     "[OPTION...] IMAGE...", "compare images with what was imported",
     "Recomputes the id from what is on disk and names every file that differs. The exit status is "
     "1 when something does.",
     verify_options, "jetpack verify example.com/redis\njetpack verify -all"},

    {"trust", JP_GROUP_TRUST, JP_COMMAND_ROOT | JP_COMMAND_IMAGE, 0, JP_NO_LIMIT,
     "[OPTION...] [LOCATION...]", "trust keys, list those that are trusted",
     "Without LOCATION: the keys that are trusted, and for which images. LOCATION is a file with OpenPGP "
     "keys: a path, an https:// or file:// URL, or - for standard input; or the name of an image, "
     "whose pages say where its keys are (discovery): they are for that name and below. Each key is shown with its fingerprint and "
     "identities, and stored when the answer is yes; where nobody can be asked, only the key that "
     "-fingerprint names. Compare the fingerprint with one that came another way. A prefix covers whole "
     "components: example.com/foo is for example.com/foo and example.com/foo/bar, not for "
     "example.com/foobar. Prints the fingerprints of what was stored.",
     trust_options,
     "jetpack trust\n"
     "jetpack trust example.com/redis # the keys that its pages name\n"
     "jetpack trust -prefix example.com/redis redis.asc\n"
     "jetpack trust -root -fingerprint 0123456789abcdef0123456789abcdef01234567 - <key.asc"},
    {"sign", JP_GROUP_TRUST, JP_COMMAND_IMAGE, 1, 1, "[OPTION...] LOCATION",
     "sign an image's archive",
     "Makes a detached signature, armoured, that import and fetch accept from those who trust the key. "
     "The passphrase of a locked key is asked for on the terminal. Nobody needs to be root for it; "
     "only what comes through a pipe, which has to be copied first.",
     sign_options, "jetpack sign -key secret.asc redis.aci # makes redis.aci.asc"},
    {"untrust", JP_GROUP_TRUST, JP_COMMAND_ROOT | JP_COMMAND_IMAGE, 1, JP_NO_LIMIT,
     "[OPTION...] FINGERPRINT...", "trust keys no more",
     "Removes the keys for every prefix that they are stored for, or for one. Images that are here "
     "stay. Prints what was removed.",
     untrust_options, "jetpack untrust 0123456789abcdef0123456789abcdef01234567"},

    {"prepare", JP_GROUP_PODS, JP_COMMAND_ROOT | JP_COMMAND_PODS, 0, JP_NO_LIMIT, POD_SYNOPSIS,
     "make a pod",
     "Makes a pod from images, or from a pod manifest (-f), or from both, and prints its UUID. Images "
     "that are not here are fetched (allow.autodiscovery); they may be named by any location that "
     "fetch takes. "
     "Options before the first image are the pod's; options after an image are its app's, until the "
     "next image. Words between -- and --- are arguments of the app.",
     prepare_options,
     "jetpack prepare -v data:/srv/redis example.com/redis -m data\n"
     "jetpack prepare -n example.com/redis # show the manifest only"},
    {"run", JP_GROUP_PODS, JP_COMMAND_ROOT | JP_COMMAND_PODS | JP_COMMAND_STATUS, 0, JP_NO_LIMIT,
     "[OPTION...] POD | " POD_SYNOPSIS, "run a pod",
     "With one word that is a full UUID or the name of a pod: runs that pod, from a clean copy of "
     "its images. Otherwise makes a pod like prepare and runs it. In the foreground, output lines "
     "begin with the name of the app; the first interrupt stops the pod, the second kills it. The "
     "exit status is the app's; of several apps the first one that is not 0. In the background "
     "(-d) the pod's supervisor keeps terminal (-t) and open input (-i) of the app for attach, and "
     "destroys the pod in the end (-destroy).",
     run_options,
     "jetpack run -t -destroy example.com/debian -exec /bin/sh\n"
     "jetpack run -d -pod-name cache example.com/redis\n"
     "jetpack run example.com/echo -- one two --- example.com/redis"},
    {"start", JP_GROUP_PODS, JP_COMMAND_ROOT, 1, JP_NO_LIMIT, "[OPTION...] POD...",
     "run pods in the background", "The same as run -d POD.", start_options, "jetpack start cache"},
    {"stop", JP_GROUP_PODS, JP_COMMAND_ROOT, 1, JP_NO_LIMIT, "[OPTION...] POD...", "stop pods",
     "Sends the stop signal to every app, waits, and kills what is left. A pod that does not run is "
     "fine.",
     stop_options, "jetpack stop -t 30 cache"},
    {"restart", JP_GROUP_PODS, JP_COMMAND_ROOT, 1, JP_NO_LIMIT, "[OPTION...] POD[:APP]...",
     "stop pods and run them again",
     "The same as stop and start, for one pod after the other: from a clean copy of the images, in the "
     "background. A pod that does not run is started. With :APP, of a running pod, only the program of "
     "that app is ended and started again, handlers included, from a clean copy of its images; volumes "
     "keep their content.",
     stop_options, "jetpack restart cache\njetpack restart web:nginx"},
    {"kill", JP_GROUP_PODS, JP_COMMAND_ROOT, 1, JP_NO_LIMIT, "[OPTION...] POD[:APP]...",
     "kill pods at once", "Without -s: SIGKILL for everything in the pod, and waits until it is gone. "
     "With -s: sends the signal to the main processes of the apps.",
     kill_options, "jetpack kill cache\njetpack kill -s HUP cache:redis"},
    {"killall", JP_GROUP_PODS, JP_COMMAND_ROOT, 2, 2, "[OPTION...] POD NAME",
     "send a signal to the processes of a pod by name", NULL, killall_options,
     "jetpack killall -s USR1 web nginx"},
    {"destroy", JP_GROUP_PODS, JP_COMMAND_ROOT, 1, JP_NO_LIMIT, "POD...", "destroy pods",
     "Kills the pod if it runs and removes all of it: volumes of kind empty, logs, address.", none,
     "jetpack destroy cache"},
    {"list", JP_GROUP_PODS, JP_COMMAND_ROOT, 0, 0, "[OPTION...]", "list pods", NULL, list_options,
     "jetpack list -q -filter state=exited\njetpack list -filter annotation:tier=web"},
    {"show", JP_GROUP_PODS, JP_COMMAND_ROOT, 1, 1, "[OPTION...] POD", "show a pod",
     "State, address, apps with their exit statuses, and what became of each isolator.", format_only,
     "jetpack show -format=json cache"},
    {"manifest", JP_GROUP_PODS, JP_COMMAND_ROOT, 1, 1, "POD", "print the reified manifest of a pod",
     NULL, none, "jetpack manifest cache"},
    {"logs", JP_GROUP_PODS, JP_COMMAND_ROOT, 1, 1, "[OPTION...] POD[:APP]", "print what apps wrote",
     "Standard output of the apps on standard output, standard error on standard error.",
     logs_options, "jetpack logs -f cache\njetpack logs -since 10m -t web:nginx"},
    {"wait", JP_GROUP_PODS, JP_COMMAND_ROOT | JP_COMMAND_STATUS, 1, JP_NO_LIMIT,
     "[OPTION...] POD[:APP]...", "wait until pods have ended",
     "The exit status is the app's, as of run; of several the first that is not 0, in the order "
     "given.",
     wait_options, "jetpack wait cache\njetpack wait web cache"},
    {"exec", JP_GROUP_PODS, JP_COMMAND_ROOT | JP_COMMAND_STATUS | JP_COMMAND_PROGRAM, 2, JP_NO_LIMIT,
     "[OPTION...] POD[:APP] PROGRAM [ARG...]", "run a program in an app's world",
     "The program is confined as the app is. A pod that does not run gets its isolation without its "
     "apps: several exec, console and cp share it, and it ends with the last of them. The exit "
     "status is the program's.",
     exec_options, "jetpack exec -it web:nginx /bin/sh\njetpack exec -u 0 cache redis-cli info"},
    {"console", JP_GROUP_PODS, JP_COMMAND_ROOT | JP_COMMAND_STATUS, 1, 2,
     "[OPTION...] POD[:APP] [USER]", "log into an app's world",
     "Starts /usr/bin/login, else the user's shell, else /bin/sh, with a terminal.", exec_options,
     "jetpack console web\njetpack console web www-data"},
    {"attach", JP_GROUP_PODS, JP_COMMAND_ROOT, 1, 1, "[OPTION...] POD[:APP]",
     "join the output of running apps",
     "With -i also the input, of an app that was started with one (run -d -i); then ctrl-p ctrl-q "
     "leaves. Without, ctrl-c leaves. The app goes on. With -t, from a terminal, to an app that has "
     "one (run -d -t): it gets the size of ours and draws anew.",
     attach_options, "jetpack attach -it web:shell"},
    {"set", JP_GROUP_PODS, JP_COMMAND_ROOT, 1, 1, "OPTION... POD[:APP]",
     "change limits of a running pod",
     "Of the pod, or with :APP of one app. All that is named is in force afterwards, or nothing has "
     "changed. It lasts until the pod ends: the next run has the limits of its manifest again. "
     "Memory that was taken before there was a memory limit is not counted.",
     set_options, "jetpack set -memory 1Gi cache\njetpack set -cpu 500m web:nginx"},
    {"ps", JP_GROUP_PODS, JP_COMMAND_ROOT, 1, 1, "[OPTION...] POD", "list the processes of a pod",
     NULL, ps_options, "jetpack ps cache"},
    {"top", JP_GROUP_PODS, JP_COMMAND_ROOT, 1, 1, "[OPTION...] POD",
     "watch the processes of a pod", "On a terminal the table is refreshed; q ends it.", top_options,
     "jetpack top -b -n 1 cache"},
    {"stats", JP_GROUP_PODS, JP_COMMAND_ROOT, 0, JP_NO_LIMIT, "[OPTION...] [POD...]",
     "show what running pods use",
     "Processes, processor time, its average since the start in hundredths of a core, and resident "
     "memory: sums over the processes that run now. Without POD: of every pod that runs.",
     ps_options, "jetpack stats\njetpack stats -format=json cache"},
    {"cp", JP_GROUP_PODS, JP_COMMAND_ROOT, 2, JP_NO_LIMIT, "FROM... TO",
     "copy files into and out of pods",
     "A path is POD:APP:PATH, POD::PATH (the only app), POD:@VOLUME:PATH, or a path of the host that "
     "is absolute or begins with a dot. Owner, mode and times are kept. Out of a pod come neither "
     "set-id bits nor file capabilities, and a device is an error.",
     none, "jetpack cp cache::/etc/redis/redis.conf ./\njetpack cp ./dump.rdb cache:@data:/"},
    {"commit", JP_GROUP_PODS, JP_COMMAND_ROOT | JP_COMMAND_IMAGE, 2, 2,
     "[OPTION...] POD[:APP] NAME[:VERSION][,LABEL=VALUE...]",
     "make an image of what an app has written into its root",
     "The new image has the app's image as its dependency and holds what diff shows; when something "
     "was deleted, its pathWhitelist lists all that is left (the annotation jetpack/removed what is "
     "gone, where that list would take more than 1 MiB). It has the app as the pod runs it, the "
     "labels os and arch of the app's image, and the annotation timestamp. With -reproducible the "
     "same content gives the same image id: times later than SOURCE_DATE_EPOCH (seconds), or else "
     "than the timestamp of the app's image, become that time. Sockets are left out. What a running "
     "app changes meanwhile may or may not be in it.",
     commit_options,
     "jetpack run -keep -pod-name work example.com/debian -exec '[\"/bin/sh\", \"-c\", \"date > /built\"]'\n"
     "jetpack commit work example.com/mine:1.0"},
    {"diff", JP_GROUP_PODS, JP_COMMAND_ROOT, 1, 1, "[OPTION...] POD[:APP]",
     "show what an app has written into its root",
     "A line for each path that differs from the app's image: A added, M modified, D deleted; of a "
     "deleted directory the directory alone. Volumes are not looked at, nor what Jetpack itself "
     "puts into a root: /etc/resolv.conf, and /etc/hosts, /dev, /proc, /sys where the image has "
     "none. The pod runs, or was run with -keep. What is not visible in a name is shown "
     "as \\xNN, a backslash doubled.",
     format_only, "jetpack diff cache\njetpack diff -format=json web:nginx"},
    {"rename", JP_GROUP_PODS, JP_COMMAND_ROOT, 2, 2, "POD NAME", "give a pod another name", NULL,
     none, "jetpack rename silent-otter cache"},
    {"bring", JP_GROUP_NONE, JP_COMMAND_ROOT | JP_COMMAND_IMAGE, 1, 1, "LOCATION",
     "fetch for another command (internal)", NULL, bring_options, NULL},
    {"end-run", JP_GROUP_NONE, JP_COMMAND_ROOT, 1, 1, "UUID", "end a run (internal)",
     "Called by the supervisor of run -destroy when the pod has ended.", none, ""},
    {"renew-root", JP_GROUP_NONE, JP_COMMAND_ROOT, 1, 2, "UUID [APP]",
     "make a clean root for an app (internal)",
     "Called by the supervisor of a pod before it starts an app again.", none, ""},
    {NULL, JP_N_GROUPS, 0, 0, 0, NULL, NULL, NULL, NULL, NULL},
};
/* clang-format on */

const char *jp_group_title(enum jp_group group)
{
    static const char *const titles[] = {"Host", "Images", "Trust", "Pods"};
    return titles[group];
}

static const char *const aliases[][2] = {
    {"remove", "destroy"}, {"rm", "destroy"}, {"enter", "exec"},
    {"inspect", "show"},   {"ls", "list"},    {"pods", "list"},
};

const struct jp_command *jp_command_find(const char *name)
{
    for (size_t i = 0; i < JP_LEN(aliases); i++)
        if (strcmp(name, aliases[i][0]) == 0)
            name = aliases[i][1];
    for (const struct jp_command *c = jp_commands; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

/* ---- the spelling of older documents --------------------------------------------------------- */

/* Those that are called otherwise than the command. */
static const char *const image_verbs[][2] = {
    {"list", "images"},           {"ls", "images"},
    {"show", "show-image"},       {"inspect", "show-image"},
    {"destroy", "destroy-image"}, {"rm", "destroy-image"},
    {"remove", "destroy-image"},  {"manifest", "image-manifest"},
};

static const char *command_of(enum jp_group group, const char *word)
{
    const struct jp_command *command = jp_command_find(word);
    return command && command->group == group ? command->name : NULL;
}

static const char *image_verb(const char *word)
{
    for (size_t i = 0; i < JP_LEN(image_verbs); i++)
        if (strcmp(word, image_verbs[i][0]) == 0)
            return image_verbs[i][1];
    return command_of(JP_GROUP_IMAGES, word);
}

static const char *pod_verb(const char *word)
{
    return strcmp(word, "create") == 0 ? "prepare" : command_of(JP_GROUP_PODS, word);
}

static bool is_one_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0)
            return true;
    return false;
}

int jp_command_rewrite(char **words, size_t count, struct jp_error *err)
{
    static const char *const image_words[] = {"image", "img", "i", NULL};
    static const char *const pod_words[] = {"pod", "container", "p", NULL};
    bool is_image = is_one_of(words[0], image_words);
    if (!is_image && !is_one_of(words[0], pod_words))
        return 0;
    const char *(*verb)(const char *) = is_image ? image_verb : pod_verb;
    const char *group = words[0];
    if (count == 1 || words[1][0] == '-') {
        words[0] = (char *)(is_image ? "images" : "list");
        return 0;
    }
    /* "image VERB ..." beats an image that is called like the verb. */
    const char *first = verb(words[1]);
    const char *second = !first && count > 2 ? verb(words[2]) : NULL;
    if (!first && !second)
        return jp_fail(err, JP_EUSAGE, 0, "unknown command '%s %s'", group,
                       words[count > 2 ? 2 : 1]);
    words[0] = (char *)(first ? first : second);
    /* "pod POD show" becomes "show POD"; the place that is left over is taken by the word. */
    for (size_t i = first ? 1 : 2; i < count; i++)
        words[i] = words[i + 1];
    return 1;
}
