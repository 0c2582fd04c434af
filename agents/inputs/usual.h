/* usual: where secrets lie on every host: what is watched when nobody names anything. */
#pragma once

extern const char *const kt_usual_places[]; /* files and folders, NULL-ended */
