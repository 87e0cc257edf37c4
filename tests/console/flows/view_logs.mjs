// The log: filters in the address, one call in full, others' words as text, new
// rows as they come and a pause, the export of what is shown.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fs from 'node:fs';

const query = (page) => new URL(page.url()).searchParams;

async function call(world, model) {
    const answer = await fetch(`${world.base}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${world.keys['website-chat']}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model, messages: [{ role: 'user', content: 'live' }] }),
    });
    await answer.text();
    return answer.headers.get('x-request-id');
}

async function filters(page, world, settled) {
    await page.goto(`${world.base}/console/logs?range=1h`);
    await settled(page);
    await page.getByLabel('Status', { exact: true }).selectOption('error');
    await page.locator('.badge-good').first().waitFor({ state: 'detached' });
    assert.equal(query(page).get('status'), 'error');
    const errors = await page.locator('tbody .badge').allInnerTexts();
    assert.ok(errors.length >= 6 && errors.every((status) => Number(status) >= 400), String(errors));
    await page.getByLabel('Search model').fill('lost/model');
    await page.waitForURL(/text=lost%2Fmodel/);
    await page.waitForFunction(() => [...document.querySelectorAll('tbody .log-model')].every((one) => one.textContent.startsWith('lost/model')));
    assert.equal(await page.locator('tbody tr').count(), 3);
    await page.getByLabel('Search model').fill('nothing has this');
    await page.getByText('No call fits').waitFor();
    await page.getByRole('button', { name: 'Clear filters' }).click();
    await page.locator('tbody tr').first().waitFor();
    assert.deepEqual([query(page).get('status'), query(page).get('text')], [null, null]);
}

// The price's lines add up to what was charged, which is what the row says.
async function oneCall(page) {
    const row = page.locator('tbody tr', { hasText: 'acme/large' }).filter({ has: page.locator('.badge-good') }).first();
    const cost = await row.locator('td.right').nth(1).innerText();
    await row.locator('.log-time').click();
    const drawer = page.getByRole('dialog');
    await drawer.getByText('Timeline').waitFor();
    const id = query(page).get('row');
    assert.match(await drawer.locator('.log-id').innerText(), new RegExp(id));
    assert.equal(await drawer.locator('table.sum tfoot td').last().innerText(), cost);
    const lines = await drawer.locator('table.sum tbody td:last-child').allInnerTexts();
    const sum = lines.reduce((all, text) => all + Number(text.replace(/[^\d.]/g, '')), 0);
    assert.ok(Math.abs(sum - Number(cost.replace(/[^\d.]/g, ''))) < 1e-9, `${lines} is not ${cost}`);
    await page.keyboard.press('j');
    await page.waitForFunction((before) => new URL(location.href).searchParams.get('row') !== before, id);
    await page.keyboard.press('Escape');
    await drawer.waitFor({ state: 'detached' });
    assert.equal(query(page).get('row'), null);
    await page.goBack(); // a call is a page of its own
    await drawer.waitFor();
    await page.keyboard.press('Escape');
}

async function hostile(page, world, settled) {
    await page.goto(`${world.base}/console/logs?range=1h&text=${encodeURIComponent('<b>team</b>')}`);
    await settled(page);
    assert.equal(await page.locator('tbody tr').count(), 1);
    await page.locator('tbody .log-time').click();
    const drawer = page.getByRole('dialog');
    const body = drawer.getByLabel('Request', { exact: true });
    await body.waitFor();
    assert.match(await body.innerText(), /<script>alert\(3\)<\/script>/);
    assert.match(await drawer.locator('.chips').innerText(), /<b>team<\/b>\s*=\s*<i>blue<\/i>/);
    await drawer.getByRole('button', { name: /^Show all/ }).first().click();
    assert.equal(await drawer.locator('script, .chips b, img').count(), 0);
    await page.keyboard.press('Escape');
}

async function live(page, world, settled) {
    await page.goto(`${world.base}/console/logs?range=1h`);
    await settled(page);
    await page.getByRole('button', { name: 'Live' }).click();
    await page.locator('tbody tr').first().waitFor();
    const first = () => page.locator('tbody tr').first().locator('.log-model').innerText();
    await call(world, 'vision-x');
    await page.waitForFunction(() => document.querySelector('tbody tr .log-model').textContent.startsWith('vision-x'), null, { timeout: 30000 });
    await page.getByRole('button', { name: 'Pause', exact: true }).click();
    await call(world, 'acme/large');
    assert.match(await first(), /^vision-x/);
    await page.getByRole('button', { name: 'Resume', exact: true }).click();
    await page.waitForFunction(() => document.querySelector('tbody tr .log-model').textContent.startsWith('acme/large'), null, { timeout: 30000 });
    await page.getByRole('button', { name: 'End', exact: true }).click();
}

async function exported(page, world, settled) {
    await page.goto(`${world.base}/console/logs?range=1h&status=error`);
    await settled(page);
    const rows = await page.locator('tbody tr').count();
    for (const [name, lines] of [['CSV', rows + 1], ['JSON Lines', rows]]) {
        await page.getByRole('button', { name: 'Export' }).click();
        const download = page.waitForEvent('download');
        await page.getByRole('menuitem', { name }).click();
        const text = fs.readFileSync(await (await download).path(), 'utf8');
        assert.equal(text.trimEnd().split('\n').length, lines);
    }
}

export async function run({ page, world, logIn, settled }) {
    await logIn(page, world);
    await filters(page, world, settled);
    await oneCall(page);
    await hostile(page, world, settled);
    await exported(page, world, settled);
    await live(page, world, settled);
}
