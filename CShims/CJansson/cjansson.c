#define _GNU_SOURCE
#include "CJansson.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static const json_t *json_of(const cjansson_value *value) { return (const json_t *)value; }

cjansson_value *cjansson_parse(const uint8_t *text, size_t length, char *error, size_t capacity) {
    json_error_t reason;
    json_t *root = json_loadb((const char *)text, length, JSON_REJECT_DUPLICATES, &reason);
    if (root == NULL) snprintf(error, capacity, "line %d: %s", reason.line, reason.text);
    return (cjansson_value *)root;
}

void cjansson_release(cjansson_value *root) { json_decref((json_t *)root); }

enum cjansson_kind cjansson_kind_of(const cjansson_value *value) {
    switch (json_typeof(json_of(value))) {
    case JSON_OBJECT: return cjansson_kind_object;
    case JSON_ARRAY: return cjansson_kind_list;
    case JSON_STRING: return cjansson_kind_text;
    case JSON_INTEGER: return cjansson_kind_integer;
    case JSON_REAL: return cjansson_kind_real;
    case JSON_TRUE:
    case JSON_FALSE: return cjansson_kind_flag;
    case JSON_NULL: break;
    }
    return cjansson_kind_null;
}

bool cjansson_flag(const cjansson_value *value) { return json_is_true(json_of(value)); }

int64_t cjansson_integer(const cjansson_value *value) { return json_integer_value(json_of(value)); }

double cjansson_real(const cjansson_value *value) { return json_number_value(json_of(value)); }

const uint8_t *cjansson_text(const cjansson_value *value, size_t *length) {
    *length = json_string_length(json_of(value));
    return (const uint8_t *)json_string_value(json_of(value));
}

size_t cjansson_count(const cjansson_value *list) { return json_array_size(json_of(list)); }

const cjansson_value *cjansson_element(const cjansson_value *list, size_t index) {
    return (const cjansson_value *)json_array_get(json_of(list), index);
}

// jansson does not change an object that is walked through.
static json_t *walked(const cjansson_value *object) { return (json_t *)(uintptr_t)object; }

cjansson_place *cjansson_first(const cjansson_value *object) { return json_object_iter(walked(object)); }

cjansson_place *cjansson_next(const cjansson_value *object, cjansson_place *place) {
    return json_object_iter_next(walked(object), place);
}

const char *cjansson_name(cjansson_place *place) { return json_object_iter_key(place); }

const cjansson_value *cjansson_value_at(cjansson_place *place) {
    return (const cjansson_value *)json_object_iter_value(place);
}

char *cjansson_write(const cjansson_value *root) { return json_dumps(json_of(root), JSON_ENSURE_ASCII | JSON_REAL_PRECISION(12)); }

void cjansson_release_text(char *text) { free(text); }
