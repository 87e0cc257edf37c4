/*
 * health_figures.c - how endpoints have been of late, for those who sort them:
 * sums over all workers' windows, made anew at most twice a second.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/endpoint_window.h"
#include "worker/health_part.h"

enum {
    /* What sorting sets aside: so many failures in half a minute, and so much
     * of all calls. */
    OUTAGE_ERRORS = 3,
    OUTAGE_PERMILLE = 250,
    OUTAGE_MS = 30 * 1000,
};

static bool
is_out(const struct worker *worker, uint32_t endpoint_idx, uint64_t now_ms)
{
    const struct segment *segment = worker->heritage->segment;
    struct window_sum sum;
    struct breaker_view view;
    breaker_view(segment, &segment_health(segment, endpoint_idx)->breaker,
                 now_ms, &view);
    if (view.state >= BREAKER_COOLING ||
        (view.closed_ms != 0 && now_ms < view.closed_ms + OUTAGE_MS))
        return true;
    window_recent(segment, endpoint_idx, now_ms, &sum);
    uint64_t bad = sum.errors + sum.limited;
    return bad >= OUTAGE_ERRORS && bad * 1000 >= sum.requests * OUTAGE_PERMILLE;
}

static void
refresh(const struct worker *worker, uint32_t endpoint_idx, uint64_t now_ms,
        struct health_figures *figures)
{
    const struct segment *segment = worker->heritage->segment;
    struct window_sum sum;
    double value;
    window_read(segment, endpoint_idx, WINDOW_5_MIN, now_ms, &sum);
    *figures = (struct health_figures){
        .requests =
            sum.requests < UINT32_MAX ? (uint32_t)sum.requests : UINT32_MAX,
        .outage = is_out(worker, endpoint_idx, now_ms)};
    if (sum.requests > 0)
        figures->error_permille =
            (uint32_t)((sum.errors + sum.limited) * 1000 / sum.requests);
    for (int span = 0; span < 2; span++) {
        if (!figures->has_ttft &&
            window_percentile(sum.ttft, HEALTH_TTFT_BUCKETS, 500, &value)) {
            figures->has_ttft = true;
            figures->ttft_p50_ms = (uint32_t)(value + 0.5);
        }
        if (!figures->has_speed &&
            window_percentile(sum.speed, HEALTH_SPEED_BUCKETS, 500, &value)) {
            figures->has_speed = true;
            figures->tokens_per_s_p50_x10 = (uint32_t)(value * 5 + 0.5);
        }
        if (span == 0 && (!figures->has_ttft || !figures->has_speed))
            window_read(segment, endpoint_idx, WINDOW_30_MIN, now_ms, &sum);
    }
}

const struct health_figures *
health_figures(struct worker *worker, uint32_t endpoint_idx)
{
    CHECK(endpoint_idx < worker->health->row_count);
    struct health_row *row = &worker->health->rows[endpoint_idx];
    uint64_t now_ms = loop_now_ms(worker->loop);
    if (row->figures_ms == 0 || now_ms >= row->figures_ms + HEALTH_FIGURES_MS) {
        refresh(worker, endpoint_idx, now_ms, &row->figures);
        row->figures_ms = now_ms;
    }
    return &row->figures;
}
