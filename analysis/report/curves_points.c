/* SPDX-License-Identifier: Apache-2.0
 * The points of curves as they come, the groups they are of, and what lies at one place of a group
 * averaged.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/report/curves.h"
#include "analysis/statistics/summary.h"

enum { GROUPS_MOST = 10000 };

wane_status wane_curves_group(wane_curves *c, size_t *out, const char *experiment,
                              const char *value, wane_error *err)
{
    wane_text name = {0};
    if (experiment) wane_text_printf(&name, "%s/", experiment);
    wane_text_string(&name, value ? value : "none");
    wane_status st = wane_text_check(&name, "curves", "group", err);
    if (st != WANE_OK) goto done;
    for (*out = 0; *out < c->groups && strcmp(c->group[*out], name.data) != 0; ++*out) {
    }
    if (*out < c->groups) goto done;
    if (c->groups == GROUPS_MOST) {
        st = wane_fail(err, WANE_EINVAL, "curves: %s: more than %d values", c->request.by,
                       GROUPS_MOST);
        goto done;
    }
    const char *copy = wane_arena_strdup(c->arena, name.data);
    if (!copy || !WANE_GROW(c->group, c->group_room, c->groups + 1))
        st = wane_fail_memory(err, "curves", "groups");
    else c->group[c->groups++] = copy;
done:
    wane_text_free(&name);
    return st;
}

wane_status wane_curves_add(wane_curves *c, wane_curves_point point, wane_error *err)
{
    if (!WANE_GROW(c->point, c->room, c->points + 1))
        return wane_fail_memory(err, "curves", "points");
    c->point[c->points++] = point;
    return WANE_OK;
}

/* Rows come by run and stage; equal places keep that order. */
static int by_group(const void *a, const void *b)
{
    const wane_curves_point *p = a, *q = b;
    if (p->group != q->group) return p->group < q->group ? -1 : 1;
    if (p->stage != q->stage) return p->stage < q->stage ? -1 : 1;
    int order = p->run && q->run ? strcmp(p->run, q->run) : 0;
    return order ? order : p->y < q->y ? -1 : p->y > q->y;
}

void wane_curves_sort(wane_curves *c)
{
    qsort(c->point, c->points, sizeof *c->point, by_group);
}

wane_status wane_curves_average(wane_curves *c, wane_error *err)
{
    wane_curves_sort(c);
    double *y = wane_alloc(c->points, sizeof *y);
    if (!y) return wane_fail_memory(err, "curves", "means");
    size_t kept = 0;
    for (size_t i = 0; i < c->points;) {
        wane_curves_point p = c->point[i];
        size_t n = 0;
        double collapsed = NAN;
        for (; i < c->points && c->point[i].group == p.group && c->point[i].stage == p.stage; i++) {
            double flag = c->point[i].collapsed;
            if (!isnan(flag)) collapsed = isnan(collapsed) ? flag : collapsed + flag;
            y[n++] = c->point[i].y;
        }
        wane_summary s = wane_summarise(y, n);
        p.run = NULL;
        p.n = s.n;
        p.y = s.mean;
        p.collapsed = collapsed;
        p.sd = s.sd;
        p.low = c->request.interval ? s.low : s.mean - s.sd;
        p.high = c->request.interval ? s.high : s.mean + s.sd;
        c->point[kept++] = p;
    }
    c->points = kept;
    wane_free(y);
    return WANE_OK;
}
