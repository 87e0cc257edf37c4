// Without a mouse: every screen's controls are reached by Tab, each is seen to have
// the focus; windows keep it, end by Escape and give it back; a key is made, a call is
// looked at and a group is topped up by keys alone.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';

const STOPS = 40; // as far as is looked at on one screen
const SCREENS = ['/', '/usage', '/logs', '/keys', '/keys/new', '/groups', '/groups/team-search', '/models', '/providers', '/settings', '/playground', '/members', '/audit', '/system'];

// What has the focus: a name for it, whether one sees it and that it has it.
const stop = (page) => page.evaluate(() => {
    const one = document.activeElement;
    if (!one || one === document.body) return null;
    // A field of one of few is as small as nothing: its label shows the focus.
    const shown = one.closest('.segmented label') ?? one;
    const { width, height, top, bottom, left, right } = shown.getBoundingClientRect();
    const style = getComputedStyle(shown);
    window.seen ??= new Set();
    const isNew = !window.seen.has(one);
    window.seen.add(one);
    return { isNew, name: one.outerHTML.slice(0, 140), inDialog: Boolean(one.closest('dialog')),
        isSeen: width > 0 && height > 0 && bottom > 0 && right > 0 && top < innerHeight && left < innerWidth,
        isMarked: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1 };
});

async function walk({ page, world, settled }) {
    for (const where of SCREENS) {
        await page.goto(`${world.base}/console${where}`);
        await settled(page);
        const wanted = await page.locator('main').locator('button:enabled:visible, a[href]:visible, input:enabled:visible, select:enabled:visible, textarea:enabled:visible').count();
        let found = 0;
        await page.evaluate(() => { document.activeElement.blur(); });
        for (let i = 0; i < STOPS + 25; i++) {
            await page.keyboard.press('Tab');
            const one = await stop(page);
            if (!one || !one.isNew) break;
            assert.ok(one.isSeen, `${where}: out of sight: ${one.name}`);
            assert.ok(one.isMarked, `${where}: nothing shows the focus of ${one.name}`);
            found++;
        }
        assert.ok(found >= Math.min(wanted, STOPS) / 3, `${where}: ${found} stops for ${wanted} controls`);
    }
}

// Tab, until what has the focus is `locator`.
async function reach(page, locator) {
    for (let i = 0; i < 80; i++) {
        if (await locator.evaluate((one) => one === document.activeElement).catch(() => false)) return;
        await page.keyboard.press('Tab');
    }
    throw new Error(`not reached by Tab: ${locator}`);
}

async function dialogs({ page, world, settled }) {
    await page.goto(`${world.base}/console/groups/team-search`);
    await settled(page);
    const opener = page.getByRole('button', { name: 'Top up', exact: true });
    await reach(page, opener);
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    for (let i = 0; i < 12; i++) {
        await page.keyboard.press('Tab');
        const one = await stop(page);
        assert.ok(!one || one.inDialog, `out of the window: ${one?.name}`);
    }
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    assert.ok(await opener.evaluate((one) => one === document.activeElement), 'the focus is back where it was');
    // And to the end: an amount, Enter.
    await page.keyboard.press('Enter');
    await reach(page, dialog.getByLabel('Amount'));
    await page.keyboard.type('2');
    await page.keyboard.press('Enter');
    await page.getByText('+$2.00').first().waitFor();
    // A menu: arrows, Escape, the focus back at its button.
    await page.goto(`${world.base}/console/keys`);
    await settled(page);
    const menu = page.getByRole('button', { name: 'Actions: website-chat', exact: true });
    await reach(page, menu);
    await page.keyboard.press('Enter');
    await page.getByRole('menuitem', { name: 'Open' }).waitFor();
    await page.keyboard.press('ArrowDown');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Duplicate');
    await page.keyboard.press('Escape');
    assert.ok(await menu.evaluate((one) => one === document.activeElement));
}

async function key({ page, world, settled }) {
    await page.goto(`${world.base}/console/keys`);
    await settled(page);
    await reach(page, page.getByRole('link', { name: 'Create key' }));
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'New key' }).waitFor();
    await reach(page, page.getByRole('checkbox', { name: 'Unlimited quota' }));
    await page.keyboard.press('Space');
    await reach(page, page.getByRole('textbox', { name: 'Limit' }));
    await page.keyboard.type('5000');
    await page.keyboard.press('Enter');
    await reach(page, page.getByRole('radio', { name: 'Never' }));
    await page.keyboard.press('ArrowRight');
    await page.getByRole('radio', { name: '7 days', checked: true }).waitFor();
    await reach(page, page.getByRole('button', { name: 'Continue' }));
    await page.keyboard.press('Enter');
    await reach(page, page.getByLabel('Name', { exact: true }));
    await page.keyboard.type('by-keyboard');
    await reach(page, page.getByRole('button', { name: 'Skip and create' }));
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Your key is ready' }).waitFor();
}

async function log({ page, world, settled }) {
    await page.goto(`${world.base}/console/logs?range=1h`);
    await settled(page);
    const first = page.locator('tbody .log-time').first();
    await reach(page, first);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').getByText('Timeline').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.ok(await first.evaluate((one) => one === document.activeElement));
}

export async function run({ page, world, logIn, settled }) {
    await logIn(page, world);
    await page.evaluate(() => localStorage.setItem('aigw.preferences', JSON.stringify({ range: '1h', paused: true })));
    await walk({ page, world, settled });
    await dialogs({ page, world, settled });
    await key({ page, world, settled });
    await log({ page, world, settled });
}
