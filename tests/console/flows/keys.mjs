// A key is made step by step, called with, rotated, deleted and brought back; many
// are changed at once; a group is topped up. What the page says is what calls meet.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';

// A name that is taken.
export const expected = /status of 409/;

const question = { model: 'acme/small', messages: [{ role: 'user', content: 'hi' }] };

// The status that a call with this key meets.
async function call(world, key) {
    const answer = await fetch(`${world.base}/v1/chat/completions`, {
        method: 'POST', body: JSON.stringify(question),
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    });
    await answer.arrayBuffer();
    return answer.status;
}

async function create(page, world) {
    await page.goto(`${world.base}/console/keys/new`);
    await page.getByRole('checkbox', { name: 'Unlimited quota' }).uncheck();
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('Enter an amount above 0').waitFor(); // not without one
    await page.getByRole('textbox', { name: 'Limit' }).fill('2M');
    await page.getByRole('radio', { name: 'daily' }).check();
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('radio', { name: '30 days' }).check();
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByLabel('Name').fill('website-chat'); // there is one
    await page.getByRole('button', { name: 'Skip and create' }).click();
    await page.locator('.error', { hasText: 'already exists' }).waitFor();
    await page.getByLabel('Name').fill('flow-key');
    await page.getByRole('button', { name: 'Add tag' }).click();
    await page.getByLabel('Name').last().fill('env');
    await page.getByLabel('Value').fill('<b>test</b>');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('radio', { name: 'Only some' }).check();
    await page.getByRole('combobox', { name: 'Models' }).fill('acme/small');
    await page.getByRole('button', { name: 'Create key' }).click();
    await page.getByRole('heading', { name: 'Your key is ready' }).waitFor();
    const value = await page.locator('.key-value code').innerText();
    assert.match(value, /^sk-aigw-[0-9A-Za-z]{43}$/);
    for (const kind of ['curl', 'Python', 'Claude Code']) {
        await page.getByRole('radio', { name: kind }).check();
        const text = await page.locator('.code pre').innerText();
        assert.ok(text.includes(value) && text.includes('acme/small'), kind);
    }
    return value;
}

async function change(page, settled) {
    await page.getByRole('link', { name: 'Open key' }).click();
    await settled(page);
    await page.getByRole('link', { name: 'Limits and access' }).click();
    await page.getByText('2,000,000 tokens a day').waitFor();
    await page.getByText('env: <b>test</b>').waitFor();
    await page.getByRole('button', { name: 'Change: Rate limits' }).click();
    await page.getByLabel('Requests a minute').fill('600');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Requests a minute: 600').waitFor();
    await page.getByRole('button', { name: 'Change: Expiry' }).click();
    await page.getByRole('radio', { name: 'Never' }).check();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.locator('.setting', { hasText: 'Expiry' }).getByText('never').waitFor();
}

async function rotate(page, world, old) {
    await page.getByRole('button', { name: 'Rotate' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Rotate' }).click();
    const value = await page.getByRole('dialog').locator('.key-value code').innerText();
    assert.notEqual(value, old);
    assert.deepEqual([await call(world, old), await call(world, value)], [200, 200]);
    await page.getByRole('button', { name: 'Done' }).click();
    await page.locator('.notice').getByRole('button', { name: 'End it now' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'End it now' }).click();
    await page.locator('.notice').waitFor({ state: 'detached' });
    assert.deepEqual([await call(world, old), await call(world, value)], [401, 200]);
    return value;
}

async function removeAndRestore(page, world, value, settled) {
    const remove = async () => {
        await page.getByRole('button', { name: 'Actions', exact: true }).click();
        await page.getByRole('menuitem', { name: 'Delete' }).click();
        await page.locator('.toast', { hasText: 'flow-key is deleted' }).waitFor();
        assert.equal(await call(world, value), 401);
    };
    await remove();
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByRole('heading', { name: 'flow-key' }).waitFor();
    assert.equal(await call(world, value), 200);
    await remove();
    await page.goto(`${world.base}/console/keys?status=deleted`);
    await settled(page);
    await page.getByRole('row', { name: /flow-key/ }).getByRole('button', { name: 'Restore' }).click();
    await page.locator('.toast', { hasText: 'flow-key is back' }).waitFor();
    assert.equal(await call(world, value), 200);
}

async function many(page, world, value, settled) {
    await page.goto(`${world.base}/console/keys`);
    await settled(page);
    await page.getByRole('link', { name: world.hostile }).first().waitFor(); // as text
    await page.getByLabel('Search by name').fill('FLOW');
    await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1);
    assert.equal(new URL(page.url()).searchParams.get('name'), 'FLOW');
    await page.getByRole('checkbox', { name: 'Select flow-key' }).check();
    await page.locator('.bulk').getByRole('button', { name: 'Disable' }).click();
    await page.getByRole('row', { name: /flow-key.*Disabled/ }).waitFor();
    assert.equal(await call(world, value), 401);
    await page.getByRole('checkbox', { name: 'Select all of this page' }).check();
    await page.locator('.bulk').getByRole('button', { name: 'Enable' }).click();
    await page.getByRole('row', { name: /flow-key.*Active/ }).waitFor();
    assert.equal(await call(world, value), 200);
}

async function group(page, world, settled) {
    await page.goto(`${world.base}/console/groups`);
    await settled(page);
    await page.getByRole('button', { name: 'Create group' }).first().click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Group').fill('flow/group');
    await dialog.getByRole('checkbox').check();
    await dialog.getByLabel('First top-up').fill('25');
    await dialog.getByRole('button', { name: 'Create group' }).click();
    await page.getByRole('heading', { name: 'flow/group' }).waitFor();
    await page.getByText('+$25.00').waitFor();
    await page.getByRole('button', { name: 'Top up' }).click();
    await dialog.getByRole('radio', { name: 'Take back' }).check();
    await dialog.getByLabel('Amount').fill('1.5');
    await dialog.getByText('$23.50').waitFor();
    await dialog.getByLabel('Note').fill('<i>refund</i>');
    await dialog.getByRole('button', { name: 'Take back' }).click();
    await page.getByRole('row', { name: /<i>refund<\/i>.*-\$1\.50/ }).waitFor();
    const balance = page.locator('.tile', { hasText: 'Balance' }).locator('.tile-value');
    assert.equal(await balance.innerText(), '$23.50');
    await page.getByRole('link', { name: 'Create key' }).click();
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('button', { name: 'Continue' }).click();
    assert.equal(await page.getByRole('combobox', { name: 'Group' }).inputValue(), 'flow/group');
}

export async function run({ page, world, logIn, settled }) {
    await logIn(page, world);
    const first = await create(page, world);
    assert.equal(await call(world, first), 200);
    await change(page, settled);
    const value = await rotate(page, world, first);
    await removeAndRestore(page, world, value, settled);
    await many(page, world, value, settled);
    await group(page, world, settled);
}
