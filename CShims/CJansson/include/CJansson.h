// JSON by jansson, to be read.
#ifndef CJANSSON_H
#define CJANSSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// A value; all of a document belong to its root.
typedef struct cjansson_value cjansson_value;

enum __attribute__((enum_extensibility(closed))) cjansson_kind {
    cjansson_kind_null,
    cjansson_kind_flag,
    cjansson_kind_integer,
    cjansson_kind_real,
    cjansson_kind_text,
    cjansson_kind_list,
    cjansson_kind_object,
};

/// Reads a document: an object or a list. NULL where it is none; `error` (of `capacity` bytes) says why.
cjansson_value *cjansson_parse(const uint8_t *text, size_t length, char *error, size_t capacity);
/// Gives the root back, and all that belongs to it.
void cjansson_release(cjansson_value *root);

enum cjansson_kind cjansson_kind_of(const cjansson_value *value);
bool cjansson_flag(const cjansson_value *value);
int64_t cjansson_integer(const cjansson_value *value);
/// Also of an integer.
double cjansson_real(const cjansson_value *value);
/// UTF-8, not ended by a NUL; `length` bytes. Valid until the root is given back.
const uint8_t *cjansson_text(const cjansson_value *value, size_t *length);
/// Elements of a list; 0 of anything else.
size_t cjansson_count(const cjansson_value *list);
/// NULL where there is none.
const cjansson_value *cjansson_element(const cjansson_value *list, size_t index);

/// A member of an object.
typedef struct cjansson_place cjansson_place;

/// NULL where there is none.
cjansson_place *cjansson_first(const cjansson_value *object);
/// The one that follows; NULL where there is none.
cjansson_place *cjansson_next(const cjansson_value *object, cjansson_place *place);
/// Ended by a NUL.
const char *cjansson_name(cjansson_place *place);
const cjansson_value *cjansson_value_at(cjansson_place *place);

/// The document on one line of ASCII, ended by a NUL, to be given back by `cjansson_release_text`.
char *cjansson_write(const cjansson_value *root);
void cjansson_release_text(char *text);

#endif
