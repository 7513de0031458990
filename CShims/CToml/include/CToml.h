#ifndef CTOML_H
#define CTOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A parsed TOML document, read as a stream of nodes.
typedef struct ctoml_document ctoml_document;

typedef enum ctoml_kind {
    CTOML_TABLE,   ///< Its members follow, each with a key, then CTOML_END.
    CTOML_ARRAY,   ///< Its elements follow, without keys, then CTOML_END.
    CTOML_END,     ///< Closes the innermost open table or array.
    CTOML_STRING,
    CTOML_INTEGER,
    CTOML_FLOAT,
    CTOML_BOOLEAN,
    CTOML_DATE_TIME ///< A date, a time, or both; the value is not given.
} ctoml_kind;

/// A place in the document, both counted from 1; 0 where there is none.
typedef struct ctoml_position {
    uint32_t line;
    uint32_t column;
} ctoml_position;

/// One step through the document. Texts are UTF-8, not terminated, and live as long as the document.
typedef struct ctoml_node {
    ctoml_kind kind;
    ctoml_position key_position;
    ctoml_position position;
    const char *key;
    size_t key_length;
    const char *string;
    size_t string_length;
    int64_t integer;
    double real;
    bool boolean;
} ctoml_node;

/// Why a document is not TOML. The message is UTF-8, terminated, cut to fit.
typedef struct ctoml_problem {
    ctoml_position position;
    char message[512];
} ctoml_problem;

/// Parses `length` bytes of text. The library recurses with the depth of the document: the caller bounds it.
///
/// Returns 0 and a document to be freed; -EINVAL and the problem; or -ENOMEM.
int ctoml_parse(const char *text, size_t length, ctoml_document **document, ctoml_problem *problem);

/// Gives the next node, the unnamed root table first. Returns false after the END of the root.
bool ctoml_next(ctoml_document *document, ctoml_node *node);

void ctoml_free(ctoml_document *document);

#ifdef __cplusplus
}
#endif

#endif
