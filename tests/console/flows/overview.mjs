// Figures are those of aigwctl and aigw-ledger; each leads to its rows; charts have
// tables; language and theme change at once; the keyboard is enough.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';

const digits = (text) => Number(text.replaceAll(/[^\d.]/g, ''));

// What the tools say now: {usage: {requests, tokens, cost}, ledger: {requests, tokens}}
function figures({ build, config }) {
    const ask = (tool, ...args) => JSON.parse(execFileSync(path.join(build, tool), ['-c', config, ...args], { encoding: 'utf8' }));
    const { groups } = ask('aigw-ledger', '--json', 'sum');
    const sum = (name) => groups.reduce((all, group) => all + group.rows[name], 0);
    return {
        usage: ask('aigwctl', '--format', 'json', 'usage', '--since', '30d').data,
        ledger: { requests: sum('requests'), tokens: sum('tokens') },
    };
}

export async function run({ page, world, logIn, settled }) {
    await logIn(page, world);
    await page.goto(`${world.base}/console/?range=30d`);
    await settled(page);
    const { usage, ledger } = figures(world);
    const tile = (label) => page.locator('.tile', { hasText: label }).locator('.tile-value');
    const requests = digits(await tile('Requests').getAttribute('title'));
    const tokens = digits(await tile('Tokens').getAttribute('title'));
    assert.deepEqual([requests, tokens], [usage.requests, usage.tokens]);
    assert.deepEqual([requests, tokens], [ledger.requests, ledger.tokens]);
    // What is read is what the title says, short.
    const read = async (label) => {
        const text = await tile(label).innerText();
        return Math.round(digits(text) * ({ K: 1e3, M: 1e6 }[text.at(-1)] ?? 1));
    };
    const short = (count) => (count < 10000 ? count : Number(count.toPrecision(3)));
    assert.deepEqual([await read('Requests'), await read('Tokens')], [short(requests), short(tokens)]);
    assert.equal(digits(await tile('Error rate').innerText()), Number((100 * usage.errors / usage.requests).toFixed(2)));
    assert.equal(digits(await tile('Cost').innerText()), Number(usage.cost.toPrecision(3)));
    assert.match(await tile('Error rate').getAttribute('href'), /\/console\/logs\?.*status=error/);

    const chart = page.getByRole('figure', { name: 'Requests and errors' });
    await chart.getByRole('button', { name: 'Show as table' }).click();
    const cells = await chart.locator('tbody td.right').allInnerTexts();
    assert.equal(cells.reduce((sum, text) => sum + digits(text), 0), requests);
    const download = page.waitForEvent('download');
    await chart.getByRole('button', { name: 'Download CSV' }).click();
    assert.equal((await download).suggestedFilename(), 'requests.csv');

    await page.getByRole('button', { name: 'Language and theme' }).focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter'); // the second language
    await page.getByRole('heading', { name: '总览' }).waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.lang), 'zh-CN');
    await page.getByRole('button', { name: '语言与主题' }).click();
    await page.getByRole('menuitemradio', { name: '深色' }).click();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
    await page.reload();
    await settled(page);
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');

    // Whatever an address says, there is a screen.
    for (const odd of ['range=constructor', 'from=-271821-04-20T00:00:00Z&to=%2B275760-09-13T00:00:00Z', 'from=x&to=y']) {
        await page.goto(`${world.base}/console/?${odd}`);
        await settled(page);
        await page.locator('.tile-value').first().waitFor();
    }

    // The range is in the address, and Back goes back.
    await page.getByRole('radio', { name: '1 小时' }).check();
    assert.equal(new URL(page.url()).searchParams.get('range'), '1h');
    await page.locator('.sidebar').getByRole('link', { name: '总览' }).click();
    await page.goBack();
    await settled(page);
    assert.equal(new URL(page.url()).searchParams.get('range'), '1h');
}
