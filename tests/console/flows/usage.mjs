// Usage and cost: figures are the ledger's, rows add up to them, each leads to its
// calls, and the same stands in the CSV.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fs from 'node:fs';

const digits = (text) => Number(text.replaceAll(/[^\d.]/g, ''));

export async function run({ page, world, logIn, settled }) {
    await logIn(page, world);
    await page.goto(`${world.base}/console/usage?range=30d`);
    await settled(page);
    const ledger = await (await page.request.get(`${world.base}/admin/v1/ledger/sum`)).json();
    const sum = (name) => ledger.groups.reduce((all, row) => all + row.rows[name], 0);
    const tile = (label) => page.locator('.tile').filter({ has: page.getByText(label, { exact: true }) }).locator('.tile-value').getAttribute('title');
    assert.deepEqual([digits(await tile('Calls')), digits(await tile('Tokens'))], [sum('requests'), sum('tokens')]);

    for (const by of ['Key', 'Provider', 'Group', 'Day', 'Model']) {
        await page.getByRole('radio', { name: by, exact: true }).check();
        await page.waitForURL(new RegExp(`by=${by.toLowerCase()}`));
        await settled(page);
        const table = page.getByRole('region', { name: 'Usage & cost' });
        await table.getByRole('columnheader', { name: by, exact: true }).waitFor();
        const titles = await table.locator('tbody tr td:nth-child(2) a').evaluateAll((all) => all.map((one) => one.title));
        assert.equal(titles.reduce((all, text) => all + digits(text), 0), sum('requests'), by);
    }
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'CSV', exact: true }).click();
    const lines = fs.readFileSync(await (await download).path(), 'utf8').trimEnd().split('\r\n').slice(1);
    assert.equal(lines.reduce((all, line) => all + Number(line.split(',')[1]), 0), sum('requests'));

    // A model leads to its keys, its calls to the log.
    await page.getByRole('region', { name: 'Usage & cost' }).getByRole('link', { name: 'acme/small' }).click();
    await page.waitForURL(/model=acme%2Fsmall/);
    await settled(page);
    const calls = page.getByRole('region', { name: 'Usage & cost' }).locator('tbody td:nth-child(2) a').first();
    assert.match(await calls.getAttribute('href'), /\/console\/logs\?.*model=acme%2Fsmall.*key_id=\d+/);
    await calls.click();
    await settled(page);
    await page.locator('tbody tr').first().waitFor();
}
