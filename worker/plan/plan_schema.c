#include "worker/plan/plan_schema.h"

#include "worker/plan/schema.h"

static const struct str nothing = {NULL, 0};

/* Converse asks for an object at the root, whatever the model ("The value at ...inputSchema.json.type
 * must be one of the following: object"). InvokeModel is Claude's own API: what else it refuses it
 * says itself. Claude has no union at the root. Structured output has the same subset for all. */
void plan_schema(struct plan *p)
{
    p->tools.schema_rules = SCHEMA_ROOT;
    p->format.schema_rules = p->left.format.schema.open ? SCHEMA_CLOSED | SCHEMA_SUBSET : 0;
    if (p->invoke) {
        return;
    }
    p->tools.schema_rules |= plan_takes(p, MODELS_CLAUDE) ? SCHEMA_NO_UNION : 0;
    p->tools.schema_rules |= plan_takes(p, MODELS_FLAT_SCHEMA) ? SCHEMA_FLAT : 0;
    p->tools.schema_rules |= plan_takes(p, MODELS_PLAIN_PATTERN) ? SCHEMA_NO_LOOK : 0;
}

struct str plan_schema_tool(struct plan *p, const struct scan *s, scan_ref schema)
{
    struct schema_text text;
    if (!schema_rewrite(p->arena, s, schema, p->tools.schema_rules, &text)) {
        return nothing;
    }
    if (text.changed) {
        plan_note(p, text.lost ? PLAN_CLAMP : PLAN_MAP, "tool_schema", nothing);
    }
    return text.json;
}

bool plan_schema_lacks_root(struct plan *p, const struct scan *s, scan_ref schema)
{
    bool lacks = (p->tools.schema_rules & SCHEMA_ROOT) && scan_type(s, schema) == SCAN_OBJECT &&
                 !schema_has_root(s, schema);
    if (lacks) {
        plan_note(p, PLAN_MAP, "tool_schema", nothing);
    }
    return lacks;
}

struct str plan_schema_format(struct plan *p)
{
    const struct wish *w = &p->left;
    struct schema_text text;
    if (!schema_rewrite(p->arena, w->scan, w->format.schema.at, p->format.schema_rules, &text)) {
        return nothing;
    }
    if (text.lost) {
        plan_note(p, PLAN_CLAMP, w->format.name, STR(".schema"));
    }
    return text.json;
}
