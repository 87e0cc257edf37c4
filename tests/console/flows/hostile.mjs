// What a model says is text: the answer, its reasoning, its call of a tool, why it
// ended; streamed, whole, stopped. So are names, in sentences too: a mark that turns
// text turns the name and nothing behind it.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';

const ELEMENTS = 'main img, main script, main [onerror], dialog img, dialog script, .toast img';

async function playground({ page, world, settled }) {
    await page.goto(`${world.base}/console/playground?model=thinker`);
    await settled(page);
    await page.getByLabel('Key', { exact: true }).selectOption({ label: 'website-chat · default' });
    const say = async (text) => {
        await page.getByRole('textbox', { name: 'Message' }).fill(text);
        await page.keyboard.press('Enter');
    };
    // Reasoning, text, half a pair, a word of 600 letters, a tool's name and arguments.
    await say('think');
    const first = page.locator('.turn').nth(0);
    await first.locator('.figures', { hasText: 'a call of a tool' }).waitFor();
    assert.match(await first.locator('.answer > .said').innerText(), /<img src=x onerror=alert\(7\)>.*<script>alert\(8\)<\/script>W{600}\nsecond line[\uFFFD\uD800] half a pair$/s);
    await first.getByText('Reasoning').click();
    assert.match(await first.locator('.reasoning .said').innerText(), /^hm <img src=x/);
    assert.match(await first.locator('.tool').innerText(), /look_up\s+\{"<b>": "<img src=x/);
    // An end that is not the ordinary one, and bodies that come at once.
    await page.getByLabel('Stream the answer').uncheck();
    await say('whole');
    await page.locator('.turn').nth(1).locator('.figures', { hasText: 'a limit of tokens' }).waitFor();
    await page.getByLabel('Stream the answer').check();
    // Reasoning is open while there is nothing else; Stop ends the call, also at the provider.
    await say('wait');
    const third = page.locator('.turn').nth(2);
    await third.locator('.said', { hasText: 'half a pair' }).waitFor();
    await page.getByRole('button', { name: 'Stop' }).click();
    await third.getByText('Stopped. What came until then is charged.').waitFor();
    await third.locator('.figures', { hasText: 'Cost' }).waitFor({ timeout: 60000 });
    await page.getByRole('button', { name: 'Send' }).waitFor();
    assert.equal(await page.locator(ELEMENTS).count(), 0);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'a long word is broken');
}

// A name in a sentence stands between marks that end what it turned.
async function sentences({ page, world, settled }) {
    await page.goto(`${world.base}/console/keys`);
    await settled(page);
    const row = page.getByRole('row', { name: world.hostile }).first();
    await row.getByRole('button', { name: /^Actions/ }).click();
    await page.getByRole('menuitem', { name: 'Disable' }).click();
    const toast = page.locator('.toast', { hasText: 'is disabled' });
    await toast.waitFor();
    assert.ok((await toast.innerText()).includes(`\u2068${world.hostile}\u2069 is disabled`));
    await page.getByRole('row', { name: world.hostile }).first().getByRole('button', { name: /^Actions/ }).click();
    await page.getByRole('menuitem', { name: 'Enable' }).click();
    await page.locator('.toast', { hasText: 'is enabled' }).waitFor();
    assert.equal(await page.locator(ELEMENTS).count(), 0);
}

// The log has what was said, in full, with a terminal's codes as text.
async function bodies({ page, world, settled }) {
    await page.goto(`${world.base}/console/logs?range=1h&model=thinker`);
    await settled(page);
    await page.locator('tbody tr').last().locator('.log-time').click();
    const drawer = page.getByRole('dialog');
    await drawer.getByLabel('Request', { exact: true }).waitFor();
    assert.match(await drawer.innerText(), /onerror=alert\(7\)/);
    assert.equal(await page.locator(ELEMENTS).count(), 0);
    await page.keyboard.press('Escape');
}

export async function run({ page, world, logIn, settled }) {
    await logIn(page, world);
    await playground({ page, world, settled });
    await sentences({ page, world, settled });
    await bodies({ page, world, settled });
}
