#include "CToml.h"

// The distribution's shared library holds the variant that throws; these must agree with how it was built.
#define TOML_HEADER_ONLY 0
#define TOML_SHARED_LIB 1
#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <string_view>
#include <vector>

struct ctoml_document {
    toml::table root;
    std::vector<ctoml_node> nodes;
    std::size_t next = 0;
};

namespace {

ctoml_position position_of(const toml::source_region &region) {
    return {region.begin.line, region.begin.column};
}

/// Appends `value` and what it holds. `node` carries the key, where there is one.
void append(const toml::node &value, ctoml_node node, std::vector<ctoml_node> &nodes) {
    node.position = position_of(value.source());
    if (const toml::table *table = value.as_table()) {
        node.kind = CTOML_TABLE;
        nodes.push_back(node);
        for (auto &&[key, member] : *table) {
            ctoml_node next{};
            next.key = key.data();
            next.key_length = key.length();
            next.key_position = position_of(key.source());
            append(member, next, nodes);
        }
        node.kind = CTOML_END;
    } else if (const toml::array *array = value.as_array()) {
        node.kind = CTOML_ARRAY;
        nodes.push_back(node);
        for (auto &&element : *array) append(element, {}, nodes);
        node.kind = CTOML_END;
    } else if (const auto *string = value.as_string()) {
        node.kind = CTOML_STRING;
        node.string = (*string)->data();
        node.string_length = (*string)->size();
    } else if (const auto *integer = value.as_integer()) {
        node.kind = CTOML_INTEGER;
        node.integer = integer->get();
    } else if (const auto *real = value.as_floating_point()) {
        node.kind = CTOML_FLOAT;
        node.real = real->get();
    } else if (const auto *boolean = value.as_boolean()) {
        node.kind = CTOML_BOOLEAN;
        node.boolean = boolean->get();
    } else {
        node.kind = CTOML_DATE_TIME;
    }
    nodes.push_back(node);
}

void describe(const toml::parse_error &error, ctoml_problem *problem) {
    std::string_view text = error.description();
    std::size_t length = std::min(text.size(), sizeof problem->message - 1);
    std::memcpy(problem->message, text.data(), length);
    problem->message[length] = '\0';
    problem->position = position_of(error.source());
}

} // namespace

int ctoml_parse(const char *text, size_t length, ctoml_document **document, ctoml_problem *problem) {
    ctoml_document *parsed = nullptr;
    try {
        parsed = new ctoml_document;
        parsed->root = toml::parse(std::string_view(text, length));
        append(parsed->root, {}, parsed->nodes);
        *document = parsed;
        return 0;
    } catch (const toml::parse_error &error) {
        describe(error, problem);
        delete parsed;
        return -EINVAL;
    } catch (const std::bad_alloc &) {
        delete parsed;
        return -ENOMEM;
    }
}

bool ctoml_next(ctoml_document *document, ctoml_node *node) {
    if (document->next == document->nodes.size()) return false;
    *node = document->nodes[document->next++];
    return true;
}

void ctoml_free(ctoml_document *document) {
    delete document;
}
