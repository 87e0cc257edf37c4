// Ten thousand keys are a list that stands still: a page of them is drawn, columns and
// rows keep their places when it comes, when one is ticked and when one turns the page
// or types what is looked for.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';

const KEYS = 10000;
const STATUSES = ['active', 'disabled', 'exhausted', 'expired'];

function keyOf(i) {
    const budgets = i % 3 ? [] : [{ unit: 'tokens', period: 'daily', limit: 20000 + i, used: i, reserved: 0, remaining: 20000, resets_at: '2999-01-01T00:00:00Z' }];
    return { id: i, name: `${'n'.repeat(1 + (i * 7) % 60)}${i}`, group: i % 5 ? 'default' : 'a-group-of-a-very-long-name-that-is-cut', group_id: 1,
        masked_key: `sk-aigw-****${String(i).padStart(4, '0')}`, former: null, enabled: true, status: STATUSES[i % 4], budgets, tags: {}, models: null,
        total: { tokens: i * 1e6, cost: i }, expires_at: i % 2 ? null : '2999-01-01T00:00:00Z', last_used_at: i % 7 ? null : '2026-01-01T00:00:00Z' };
}

// Stands for the server, which makes a page of a list in a millisecond.
async function many(page, asked) {
    await page.route(/\/admin\/v1\/keys\?/, (route) => {
        const query = new URL(route.request().url()).searchParams;
        asked.push(query);
        const wanted = (query.get('name') ?? '').toLowerCase();
        const all = Array.from({ length: KEYS }, (_, i) => i).filter((i) => !wanted || `${i}`.includes(wanted));
        const limit = Number(query.get('limit'));
        const from = (Number(query.get('page') || 1) - 1) * limit;
        return route.fulfill({ json: { data: all.slice(from, from + limit).map(keyOf), total: all.length } });
    });
}

const heads = (page) => page.locator('main thead th').evaluateAll((all) => all.map((one) => [one.offsetLeft, one.offsetTop, one.offsetWidth].join()));
const top = (page) => page.locator('main tbody tr').first().evaluate((row) => row.getBoundingClientRect().top);

export async function run({ page, world, logIn, settled }) {
    const asked = [];
    await page.addInitScript(() => {
        window.shifts = [];
        new PerformanceObserver((list) => {
            for (const { hadRecentInput, value, sources } of list.getEntries())
                if (!hadRecentInput) window.shifts.push([value, ...sources.map(({ node }) => (node?.outerHTML ?? '').slice(0, 80))].join(' '));
        }).observe({ type: 'layout-shift', buffered: true });
    });
    await logIn(page, world);
    await many(page, asked);
    await page.goto(`${world.base}/console/keys`);
    await page.locator('main thead th').first().waitFor();
    const waiting = await heads(page);
    await settled(page);
    await page.getByText('10,000 keys').waitFor();
    assert.ok(await page.locator('main tbody tr').count() <= 200, 'what is not looked at is not drawn');
    assert.deepEqual(await heads(page), waiting);
    assert.deepEqual(await page.evaluate(() => window.shifts), []);
    // All columns are seen, and the longest name leaves the others their place.
    const frame = page.getByRole('region', { name: 'Keys' });
    assert.ok(await frame.evaluate((one) => one.scrollWidth <= one.clientWidth), 'all columns are seen');
    assert.deepEqual(new Set(await page.locator('main tbody tr').evaluateAll((all) => all.map((row) => row.offsetHeight))).size, 1, 'rows are as high as each other');

    const before = await top(page);
    await page.getByRole('checkbox', { name: /^Select n+3$/ }).check();
    await page.locator('.bulk').waitFor();
    assert.equal(await top(page), before, 'rows stay where they are when one is ticked');
    await page.getByRole('checkbox', { name: /^Select n+3$/ }).uncheck();

    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByText('101–200 of 10,000').waitFor();
    await page.getByRole('link', { name: /n100$/ }).waitFor();
    assert.deepEqual(await heads(page), waiting);

    asked.length = 0;
    await page.getByLabel('Search by name').pressSequentially('9999', { delay: 20 });
    await page.waitForFunction(() => document.querySelectorAll('main tbody tr').length === 1);
    assert.equal(asked.at(-1).get('name'), '9999');
    assert.deepEqual([await heads(page), await top(page)], [waiting, before]);
    await page.unroute(/\/admin\/v1\/keys\?/);
}
