// A key is made step by step, shown once, called with, rotated, deleted and brought back; many
// are changed at once; a group is topped up. What the page says is what calls meet.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';

// A name that is taken, a key that is none or could be none.
export const expected = /status of 40[049]/;

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

// The value was shown once: no page has it afterwards, nor what scripts can keep.
async function shownOnce(page, value, settled) {
    const hidden = async (where) => {
        const kept = await page.evaluate(() => JSON.stringify([location.href, history.state, { ...localStorage }, { ...sessionStorage }]));
        assert.ok(![await page.content(), kept].join().includes(value), where);
    };
    await page.getByRole('link', { name: 'Open key' }).click();
    await page.getByRole('heading', { name: 'flow-key' }).waitFor();
    await settled(page);
    await hidden('the key itself');
    await page.goBack();
    await page.getByRole('checkbox', { name: 'Unlimited quota' }).waitFor();
    await hidden('the screen that made it');
    await page.goForward();
    await page.getByRole('heading', { name: 'flow-key' }).waitFor();
    await settled(page);
}

async function change(page) {
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
    const sent = [];
    page.on('request', (one) => one.method() === 'POST' && sent.push(one.url()));
    await dialog.locator('form').evaluate((form) => { // Enter, twice
        form.requestSubmit();
        form.requestSubmit();
    });
    await page.getByRole('row', { name: /<i>refund<\/i>.*-\$1\.50/ }).waitFor();
    const balance = page.locator('.tile', { hasText: 'Balance' }).locator('.tile-value');
    assert.equal(await balance.innerText(), '$23.50');
    assert.equal(sent.length, 1);
    await renameAndDelete(page, world);
    await page.goto(`${world.base}/console/groups/flow%2Fgroup`);
    await settled(page);
    await page.getByRole('link', { name: 'Create key' }).click();
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('button', { name: 'Continue' }).click();
    assert.equal(await page.getByRole('combobox', { name: 'Group' }).inputValue(), 'flow/group');
}

// A name in an address is a name, not a way to other parts.
async function otherParts(page, world, settled) {
    await page.goto(`${world.base}/console/keys/..%2Fgroups%2Fdefault`);
    await settled(page);
    await page.getByRole('heading', { name: 'Key', exact: true }).waitFor();
}

// The time an expiry begins with in its window is the one it has, summer or winter.
async function seasons(context, world, logIn, settled) {
    const other = await context.browser().newContext({ locale: 'en-US', timezoneId: 'America/New_York' });
    const page = await other.newPage();
    await logIn(page, world);
    const { data: [key] } = await (await page.request.get(`${world.base}/admin/v1/keys?name=flow-key`)).json();
    const year = new Date().getFullYear() + 1;
    for (const [day, time] of [[`${year}-01-10`, '07:00'], [`${year}-07-10`, '08:00']]) {
        const answer = await fetch(`${world.base}/admin/v1/keys/${key.id}`, {
            method: 'PATCH', body: JSON.stringify({ expires_at: `${day}T12:00:00Z` }),
            headers: { authorization: `Bearer ${world.token}`, 'content-type': 'application/json' },
        });
        assert.equal(answer.status, 200);
        await page.goto(`${world.base}/console/keys/${key.id}?tab=settings`);
        await settled(page);
        await page.getByRole('button', { name: 'Change: Expiry' }).click();
        assert.equal(await page.locator('dialog input[type="datetime-local"]').inputValue(), `${day}T${time}`);
    }
    await other.close();
}

// A group of its own: off and on, another name, gone with what it has.
async function renameAndDelete(page, world) {
    const ask = (method, path, body) => page.evaluate(async ([how, where, what, token]) => (await fetch(`/admin/v1${where}`, {
        method: how, body: what && JSON.stringify(what), headers: { 'Content-Type': 'application/json', 'x-csrf-token': token },
    })).status, [method, path, body, csrf]);
    const { csrf_token: csrf } = await page.evaluate(async () => (await fetch('/admin/v1/session')).json());
    assert.equal(await ask('POST', '/groups', { name: 'flow-old' }), 201);
    assert.equal(await ask('POST', '/keys', { name: 'k', group: 'flow-old' }), 201);
    await page.goto(`${world.base}/console/groups/flow-old`);
    const menu = async (item) => {
        await page.getByRole('button', { name: 'Actions' }).click();
        await page.getByRole('menuitem', { name: item }).click();
    };
    const dialog = page.getByRole('dialog');
    await menu('Disable group');
    await dialog.getByRole('button', { name: 'Disable group' }).click();
    await page.locator('.badge', { hasText: 'Disabled' }).waitFor();
    await menu('Enable group');
    await page.locator('.badge', { hasText: 'Disabled' }).waitFor({ state: 'detached' });
    await menu('Rename group');
    await dialog.getByLabel('Group').fill('flow-new');
    await dialog.getByRole('button', { name: 'Rename group' }).click();
    await page.getByRole('heading', { name: 'flow-new' }).waitFor();
    await menu('Delete group');
    const button = dialog.getByRole('button', { name: 'Delete group' });
    assert.equal(await button.isDisabled(), true);
    await dialog.getByRole('textbox').fill('flow-new');
    await button.click();
    await page.waitForURL('**/console/groups');
    await page.getByRole('row', { name: /default/ }).waitFor();
    assert.equal(await page.getByText('flow-new', { exact: true }).count(), 0);
}

export async function run({ page, world, context, logIn, settled }) {
    await logIn(page, world);
    const first = await create(page, world);
    assert.equal(await call(world, first), 200);
    await shownOnce(page, first, settled);
    await change(page);
    const value = await rotate(page, world, first);
    await removeAndRestore(page, world, value, settled);
    await many(page, world, value, settled);
    await group(page, world, settled);
    await otherParts(page, world, settled);
    await seasons(context, world, logIn, settled);
}
