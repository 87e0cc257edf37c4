// Somebody who has never seen aigw: from what `make run` printed to a streamed answer
// and a key with a limit, by nothing but what is seen, in either language.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { textsOf } from '../texts.mjs';

async function goThrough({ page, world, t, settled, step, open, toPlayground, toKey, name }) {
    const button = (text) => page.getByRole('button', { name: t(text), exact: true });
    const link = (text) => page.locator('main').getByRole('link', { name: t(text), exact: true });
    await open();
    await settled(page);
    await step('overview');
    await toPlayground({ page, t, link });
    await settled(page);
    await step('playground');
    // The field is ready, a model and a key are there.
    assert.equal(await page.evaluate(() => document.activeElement.tagName), 'TEXTAREA');
    await page.keyboard.type('Hello <aigw>');
    await page.keyboard.press('Enter');
    const turn = page.locator('.turn').first();
    await turn.locator('.said', { hasText: 'Hello <aigw>' }).waitFor();
    await turn.locator('.figures', { hasText: t('play.cost') }).waitFor();
    await step('answer');
    await toKey({ page, t, link, step, settled });
    await settled(page);
    await step('quota');
    await page.getByRole('checkbox', { name: t('create.unlimited') }).uncheck();
    await page.getByRole('textbox', { name: t('create.limit'), exact: true }).fill('1000');
    await button('create.next').click();
    await step('expiry');
    await button('create.next').click();
    await page.getByLabel(t('key.name'), { exact: true }).fill(name);
    await step('name');
    await button('create.now').click();
    await page.locator('.key-value code').waitFor();
    await page.locator('.code pre', { hasText: 'builtin/echo' }).waitFor();
    await step('key');
    const made = { key: await page.locator('.key-value code').innerText(), curl: await page.locator('.code pre').innerText() };
    // The new key is the one that is tried.
    await link('create.try').click();
    await settled(page);
    await page.getByLabel(t('play.key'), { exact: true }).locator('option:checked', { hasText: `${name} ·` }).waitFor({ state: 'attached' });
    return made;
}

// By the card of first steps, which knows what has been done, or by the sidebar.
const BY_CARD = {
    toPlayground: ({ link }) => link('steps.hello_do').click(),
    async toKey({ page, t, link, step, settled }) {
        await page.locator('.sidebar').getByRole('link', { name: t('nav.overview') }).click();
        await settled(page);
        await page.locator('.first-steps .is-done', { hasText: t('steps.hello') }).waitFor();
        await step('next');
        await link('steps.key_do').click();
    },
};
const openMenu = ({ page, t }) => page.getByRole('button', { name: t('nav.menu') }).click();
const BY_MENU = {
    async toPlayground({ page, t }) {
        await openMenu({ page, t });
        await page.getByRole('link', { name: t('nav.playground'), exact: true }).click();
    },
    async toKey({ page, t, link, settled }) {
        await openMenu({ page, t });
        await page.getByRole('link', { name: t('nav.keys'), exact: true }).click();
        await settled(page);
        await link('keys.create').first().click();
    },
};

// What stands there to be pasted into a shell is pasted into one.
function paste(curl) {
    try {
        execFileSync('curl', ['--version']);
    } catch (error) {
        if (error.code !== 'ENOENT') throw error;
        console.log('without curl its line is not tried');
        return;
    }
    const answer = JSON.parse(execFileSync('sh', ['-c', curl], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
    assert.notEqual(answer.choices[0].message.content, '');
}

export async function run({ world, settled, visitor, picture, sizes }) {
    for (const [language, locale, size, { toPlayground, toKey }] of [['en', 'en-US', 'wide', BY_CARD], ['zh', 'zh-CN', 'narrow', BY_MENU]]) {
        const page = await visitor({ locale, viewport: sizes[size] }, world.first.base);
        const t = await textsOf(language);
        let at = 0;
        const started = Date.now();
        const step = async (name) => {
            if (process.env.AIGW_CONSOLE_STEPS) console.log(`${language} ${name}: ${Date.now() - started} ms`);
            await picture(`newcomer-${language}-${++at}-${name}`);
        };
        const open = () => page.goto(world.first.links.shift());
        const { key, curl } = await goThrough({ page, world, t, settled, step, open, toPlayground, toKey, name: `my-app-${language}` });
        assert.match(curl, new RegExp(`^curl .*Bearer ${key}`, 's'));
        paste(curl);
    }
}
