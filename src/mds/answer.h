/*
 * Answers: from the path of a request (ace.md "App Container Metadata Service") and the pod that it
 * came from to status, media type and body. Pure: no sockets, no files, no clock.
 */
#ifndef JP_MDS_ANSWER_H
#define JP_MDS_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"
#include "plan/registration.h"
#include "plan/token.h"

struct jp_question {
    const char *path; /* what follows the token: "/acMetadata/v1/pod/uuid" */
    bool is_post;
    bool is_form; /* POST: the media type of forms */
    char *body;   /* POST; is decoded in place, has a byte to spare */
    size_t body_len;
};

struct jp_answer {
    unsigned status;
    const char *type;
    const char *body; /* not terminated; belongs to the registration, or is `text`, or constant */
    bool is_of_pod;   /* it belongs to the registration, with this type and status 200 */
    size_t len;
    const char *allow; /* with 405 */
    char text[JP_SIGNATURE_SIZE];
};

#define JP_ANSWER_TEXT "text/plain; charset=us-ascii"
#define JP_ANSWER_JSON "application/json"

void jp_answer(const struct jp_registration *pod, struct jp_token_key signing_key,
               const struct jp_question *question, struct jp_answer *ret);

/* An answer without a pod: 403, 400, ... The same bytes for every reason. */
void jp_answer_status(unsigned status, struct jp_answer *ret);

/* Would a POST to this path be answered? Asked before its body is taken. */
bool jp_answer_takes_posts(const char *path);

#endif
