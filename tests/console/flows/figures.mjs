// What is shown is what the tools say of the same time: the overview, usage by model,
// key and group, a key's page and a group's; in zones of odd offsets, with ranges that
// end now and ranges that begin in this hour.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';

const digits = (text) => Number(text.replaceAll(/[^\d.]/g, ''));

// Titles have whole numbers.
async function shown(page, label) {
    const title = await page.locator('.tile').filter({ has: page.getByText(label, { exact: true }) }).locator('.tile-value').getAttribute('title');
    return digits(title);
}

const nano = (cost) => Math.round(cost * 1e9);

async function tiles(page, requests = 'Requests') {
    await page.waitForFunction(() => document.querySelector('.tile-value[title*="USD"]'));
    return { requests: await shown(page, requests), tokens: await shown(page, 'Tokens'), nano: nano(await shown(page, 'Cost')) };
}

const sumsOf = ({ requests, tokens, cost, cost_nano }) => ({ requests, tokens, nano: cost_nano ?? nano(cost) });

function tools({ build, config }) {
    const ask = (tool, ...args) => JSON.parse(execFileSync(path.join(build, tool), ['-c', config, ...args], { encoding: 'utf8' }));
    return {
        usage: (...args) => ask('aigwctl', '--format', 'json', 'usage', ...args).data,
        ledger: () => ask('aigw-ledger', '--json', 'sum'),
    };
}

async function ranges({ page, world, settled, zone, tool }) {
    const go = async (where) => {
        await page.goto(`${world.base}/console${where}`);
        await settled(page);
    };
    const minute = 60000;
    const now = Math.ceil(Date.now() / minute) * minute;
    const hour = Math.floor(Date.now() / 3600000) * 3600000;
    const iso = (ms) => new Date(ms).toISOString();
    // The calls are of the last minutes: an hour begins among them now and then.
    const all = [['range=1h', '--since', '1h'], ['range=24h', '--since', '24h'], ['range=7d', '--since', '7d'], ['range=30d', '--since', '30d'],
        [`from=${iso(hour)}&to=${iso(now)}`, '--from', iso(hour), '--to', iso(now)],
        [`from=${iso(now - 90 * minute)}&to=${iso(now)}`, '--from', iso(now - 90 * minute), '--to', iso(now)]];
    // In other zones bars begin elsewhere: of days, and of this hour.
    for (const [query, ...args] of zone === 'UTC' ? all : all.slice(3, 5)) {
        const told = sumsOf(tool.usage(...args));
        await go(`/?${query}`);
        assert.deepEqual(await tiles(page), told, `overview, ${query}, ${zone}`);
        if (zone !== 'UTC') continue;
        await go(`/usage?${query}`);
        assert.deepEqual(await tiles(page, 'Calls'), told, `usage, ${query}, ${zone}`);
    }
    // Bars of days in that zone add up to the whole.
    await go('/usage?range=30d&by=day');
    const titles = await page.getByRole('region', { name: 'Usage & cost' }).locator('tbody tr td:nth-child(2) a').evaluateAll((all) => all.map((one) => one.title));
    assert.equal(titles.reduce((sum, text) => sum + digits(text), 0), tool.usage('--since', '30d').requests, `days, ${zone}`);
}

// Each row of the table against the row of that name.
async function rowsBy({ page, world, settled, tool }) {
    for (const by of ['model', 'provider', 'group', 'key']) {
        const told = tool.usage('--since', '30d', '--by', by);
        await page.goto(`${world.base}/console/usage?range=30d&by=${by}`);
        await settled(page);
        const rows = page.getByRole('region', { name: 'Usage & cost' }).locator('tbody tr');
        const cells = await rows.evaluateAll((all) => all.map((row) => [row.querySelector('bdi').textContent,
            row.cells[1].querySelector('a').title, row.cells[2].querySelector('span').title, row.cells[4].querySelector('span').title]));
        const shownRows = cells.map(([name, requests, cost, tokens]) => [name, digits(requests), nano(digits(cost)), digits(tokens)]);
        const toldRows = told.map((row) => [row[by] ?? 'none', row.requests, nano(row.cost), row.tokens]);
        const order = (a, b) => (`${a}` < `${b}` ? -1 : 1);
        const named = (list) => list.filter(([name]) => told.some((row) => row[by] === name)).sort(order);
        assert.deepEqual(named(shownRows), named(toldRows), by);
        assert.equal(shownRows.length, toldRows.length, by);
    }
}

async function ownPages({ page, world, settled, tool, api }) {
    const ledger = tool.ledger();
    for (const name of ['website-chat', world.hostile]) {
        const key = (await api(`/keys?ref=${encodeURIComponent(name)}`)).data[0];
        await page.goto(`${world.base}/console/keys/${key.id}?range=30d`);
        await settled(page);
        const page_ = await tiles(page);
        assert.deepEqual(page_, sumsOf(tool.usage(name, '--since', '30d')), `key ${name}`);
        assert.deepEqual(page_, sumsOf(ledger.keys.find((one) => one.id === key.id).rows), `ledger of key ${name}`);
    }
    for (const name of ['default', world.hostile]) {
        const group = await api(`/groups/${encodeURIComponent(name)}`);
        await page.goto(`${world.base}/console/groups/${encodeURIComponent(name)}`);
        await settled(page);
        const sums = ledger.groups.find((one) => one.id === group.id).rows;
        assert.deepEqual([await shown(page, 'Tokens'), nano(await shown(page, 'Spent'))], [sums.tokens, sums.cost_nano], `group ${name}`);
        await page.goto(`${world.base}/console/usage?range=30d&group=${encodeURIComponent(name)}`);
        await settled(page);
        assert.deepEqual(await tiles(page, 'Calls'), sumsOf(tool.usage('--group', name, '--since', '30d')), `usage of ${name}`);
    }
}

export async function run({ world, logIn, settled, visitor }) {
    const tool = tools(world);
    for (const timezoneId of ['UTC', 'Asia/Kathmandu', 'America/St_Johns']) {
        const page = await visitor({ timezoneId });
        await logIn(page, world);
        await ranges({ page, world, settled, zone: timezoneId, tool });
        if (timezoneId !== 'UTC') continue;
        const api = async (where) => (await page.request.get(`${world.base}/admin/v1${where}`)).json();
        await rowsBy({ page, world, settled, tool });
        await ownPages({ page, world, settled, tool, api });
    }
}
