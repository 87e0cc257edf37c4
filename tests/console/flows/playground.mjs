// The playground in each dialect: the answer streams, with tokens and the charge of
// its log row; markup in it is text; a curl line says the same; errors are told.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';

const MARKUP = '<img src=x onerror=alert(1)><script>alert(2)</script>';

// The browser says it of each answer that is an error.
export const expected = /status of 404/;

export async function run({ page, world, logIn, settled }) {
    await logIn(page, world);
    await page.goto(`${world.base}/console/playground?model=builtin%2Fecho`);
    await settled(page);
    await page.getByLabel('Key', { exact: true }).selectOption({ label: 'website-chat · default' });
    const say = async (text) => {
        await page.getByRole('textbox', { name: 'Message' }).fill(text);
        await page.keyboard.press('Enter');
    };
    let turns = 0;
    for (const dialect of ['chat', 'messages', 'responses']) {
        await page.getByRole('radio', { name: dialect }).check();
        await say(`${dialect} ${MARKUP}`);
        const turn = page.locator('.turn').nth(turns++);
        await turn.locator('.figures', { hasText: 'Cost' }).waitFor();
        assert.equal(await turn.locator('.question').innerText(), `${dialect} ${MARKUP}`);
        assert.notEqual(await turn.locator('.answer .said').innerText(), '');
        assert.match(await turn.locator('.figures').innerText(), /In \d+\s+Out \d+/);
    }
    assert.equal(await page.locator('.play-log img, .play-log script').count(), 0);
    const curl = await page.locator('.code pre').innerText();
    assert.match(curl, /^curl -N http.*\/v1\/responses/);
    assert.ok(!curl.includes('sk-aigw'));

    // Without streaming, and what fails.
    await page.getByRole('radio', { name: 'chat' }).check();
    await page.getByLabel('Stream the answer').uncheck();
    await say('whole');
    await page.locator('.turn').nth(turns++).locator('.figures', { hasText: 'Total' }).waitFor();
    await page.getByRole('combobox', { name: 'Model' }).fill('no/such-model');
    await say('nobody');
    await page.locator('.turn').nth(turns++).getByRole('alert').waitFor();

    // A typed key is kept by nothing but this page.
    await page.getByLabel('Key', { exact: true }).selectOption('typed');
    await page.getByRole('textbox', { name: 'Type a key' }).fill('sk-aigw-wrong');
    await say('refused');
    assert.match(await page.locator('.turn').nth(turns).getByRole('alert').innerText(), /401/);
    assert.ok(!(await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }))).includes('wrong'));
    assert.equal(world.keys['website-chat'].startsWith('sk-aigw-'), true);

    // Nor is it there for who logs in next.
    await page.locator('.account-name').click();
    await page.getByRole('menuitem', { name: 'Log out' }).click();
    await page.locator('input[name=token]').fill(world.token);
    await page.locator('button[type=submit]').click();
    await page.locator('.sidebar').getByRole('link', { name: 'Playground' }).click();
    await page.locator('main select').first().waitFor();
    await settled(page);
    assert.notEqual(await page.getByLabel('Key', { exact: true }).inputValue(), 'typed');
}
