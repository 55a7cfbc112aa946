/* SPDX-License-Identifier: Apache-2.0
 * Status codes and the caller-owned error: the only way a function of wane reports failure.
 *
 * Every function that can fail returns a wane_status (0 = success), takes its outputs first and an
 * optional `wane_error *err` last. On failure the outputs are untouched and `err`, when not NULL,
 * holds one line "operation: object: cause". The library never prints, exits or aborts on input.
 */
#ifndef STORE_BASE_STATUS_H
#define STORE_BASE_STATUS_H

typedef enum wane_status {
    WANE_OK = 0,
    WANE_DONE = 1,         /* an iteration has no further element; not an error */
    WANE_EINVAL = -1,      /* an argument or a setting is out of its range */
    WANE_ENOMEM = -2,      /* memory could not be had */
    WANE_EIO = -3,         /* the system refused a read or a write (full disk, permission, ...) */
    WANE_EFORMAT = -4,     /* the bytes of a file are not what the format demands */
    WANE_ENOTFOUND = -5,   /* a file, a name or a row is not there */
    WANE_EEXIST = -6,      /* something is there that must not be */
    WANE_EVERSION = -7,    /* written by a newer wane, or under other numerics */
    WANE_EBUSY = -8,       /* held by another process */
    WANE_ENUMERIC = -9,    /* the question has no numeric answer (NaN input, no convergence) */
    WANE_ECANCELLED = -10, /* stopped on request; the same call may be made again */
    WANE_EINTERNAL = -11,  /* a bug of wane */
    WANE_ELIMIT = -12      /* stopped at a limit of time that the caller set, or of size */
} wane_status;

enum { WANE_MESSAGE_BYTES = 1024 };

/* One error. line and column count from 1 and are 0 where the input has no such position. */
typedef struct wane_error {
    wane_status code;
    long line, column;
    char message[WANE_MESSAGE_BYTES];
} wane_error;

#define WANE_MUST_CHECK __attribute__((warn_unused_result))
#define WANE_PRINTF(position, first) __attribute__((format(printf, position, first)))

/* Runs a step and leaves by the label `done` when it does not succeed; needs a local `st`. */
#define WANE_TRY(step)                                                                             \
    do {                                                                                           \
        if ((st = (step)) != WANE_OK) goto done;                                                   \
    } while (0)

/* Fills *err (may be NULL) with the code and the formatted line; returns the code. */
wane_status wane_fail(wane_error *err, wane_status code, const char *format, ...) WANE_PRINTF(3, 4);

/* The same for parsed input: the line ends in " (line L, column C)". */
wane_status wane_fail_at(wane_error *err, wane_status code, long line, long column,
                         const char *format, ...) WANE_PRINTF(5, 6);

/* "operation: object: out of memory", WANE_ENOMEM. */
wane_status wane_fail_memory(wane_error *err, const char *operation, const char *object);

/* "operation: object: <text of errno>", with the code that fits errno. Call right after the call
 * that failed. */
wane_status wane_fail_errno(wane_error *err, const char *operation, const char *object);

/* The name of a code ("bad format", ...). Never NULL. */
const char *wane_status_name(wane_status status);

#endif
