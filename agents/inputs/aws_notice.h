/* aws_notice: what a message says about new objects in a bucket, in each of its forms. Pure. */
#pragma once
#include "core/event/json.h"

struct aws_object {
    struct kt_str bucket, key, etag; /* key as it is; etag empty when not told */
};
enum aws_notice {
    AWS_NOTICE_OBJECTS, /* each was told, there may be none */
    AWS_NOTICE_TEST,    /* sent once when something was set up: to be deleted */
    AWS_NOTICE_UNKNOWN, /* to be left where it is */
};
struct aws_notices; /* parsers and memory, used again */
struct aws_notices *aws_notices_new(void);
void aws_notices_free(struct aws_notices *n);
/* Forms: S3's own event, the same wrapped by SNS, CloudTrail's own (s3Bucket, s3ObjectKey),
 * EventBridge's "Object Created"; the test event of S3 and the validation message of CloudTrail.
 * Only creations count. The objects live during the call alone. [S: S3 User Guide, "Event message
 * structure"; CloudTrail User Guide, "Configuring SNS notifications"; EventBridge, "S3 events"] */
enum aws_notice aws_notice_read(struct aws_notices *n, struct kt_str body,
                                void (*each)(void *self, const struct aws_object *o), void *self);
