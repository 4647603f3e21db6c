/* Stacks of parts. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/views.h"

int jp_store_stack_add(struct jp_store_stack *stack, const char *image_id,
                       const struct jp_filter *filter, const struct jp_strv *removed,
                       struct jp_error *err)
{
    if (jp_grow(&stack->items, &stack->capacity, stack->count, sizeof(*stack->items)) < 0)
        return jp_oom(err);
    struct jp_store_part *part = &stack->items[stack->count];
    *part = (struct jp_store_part){.image_id = jp_strdup(image_id)};
    if (!part->image_id)
        return jp_oom(err);
    stack->count++; /* what there is of it by now is released with the stack */
    if (jp_strv_extend(&part->removed, removed->items, removed->count) < 0)
        return jp_oom(err);
    return jp_filter_copy(filter, &part->filter, err);
}

void jp_store_stack_clear(struct jp_store_stack *stack)
{
    for (size_t i = 0; i < stack->count; i++) {
        free(stack->items[i].image_id);
        jp_filter_clear(&stack->items[i].filter);
        jp_strv_clear(&stack->items[i].removed);
    }
    free(stack->items);
    *stack = (struct jp_store_stack)JP_STORE_STACK_INIT;
}
