// Members with roles, profiles, a reload, and the audit log that tells of all that.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { watchedPage } from '../watch.mjs';

// The browser says it of each answer that is an error.
export const expected = /status of (400|412)/;

// What is said by one's form and by somebody else meanwhile is both in force afterwards.
async function changedMeanwhile(page, world, button) {
    const path = `${world.base}/admin/v1/gateways/careful`;
    await button('Edit').click();
    await page.getByLabel('Keep answers for').fill('7m');
    const answer = await fetch(path, {
        method: 'PATCH', body: JSON.stringify({ cache_scope: 'gateway' }), headers: { authorization: `Bearer ${world.token}`, 'content-type': 'application/json' },
    });
    assert.equal(answer.status, 200, await answer.text());
    await button('Save').click();
    await button('Take theirs in').click();
    await button('Save').click();
    await page.locator('dialog.drawer').getByText('7m').waitFor();
    const { cache_ttl, cache_scope } = await (await page.request.get(path)).json();
    assert.deepEqual([cache_ttl, cache_scope], ['7m', 'gateway']);
}

// What options are is told in the reader's language, in the list and in the forms.
async function inChinese(context, world, logIn, settled) {
    const other = await context.browser().newContext({ locale: 'zh-CN' });
    const page = await other.newPage();
    await logIn(page, world);
    await page.goto(`${world.base}/console/settings?tab=server&all=yes&text=%E8%AF%81%E4%B9%A6%E9%93%BE`);
    await settled(page);
    await page.getByRole('row', { name: /tls_cert.*证书链/ }).waitFor();
    await page.goto(`${world.base}/console/settings`);
    await page.getByRole('button', { name: '新建配置档' }).click();
    await page.locator('dialog .hint', { hasText: '只使用这些供应商' }).waitFor();
    await other.close();
}

export async function run({ page, world, context, logIn, settled }) {
    const go = async (path, of = page) => {
        await of.goto(`${world.base}/console${path}`);
        await settled(of);
    };
    const button = (name, of = page) => of.getByRole('button', { name, exact: true });
    await logIn(page, world);

    // A profile, from nothing.
    await go('/settings');
    await button('New profile').click();
    await page.getByRole('textbox', { name: 'Profile' }).fill('careful');
    await page.locator('summary', { hasText: 'Cache' }).click();
    await page.getByLabel('Keep answers for').fill('10m');
    await page.locator('summary', { hasText: 'Guardrails' }).click();
    await page.getByLabel('Guard requests').fill('keys:block:AKIA[0-9A-Z]{16}');
    await button('Save').click();
    const drawer = page.locator('dialog.drawer');
    await drawer.getByText('10m').waitFor();
    await drawer.getByText('keys:block:AKIA[0-9A-Z]{16}').waitFor();
    await button('Edit').click();
    await page.getByLabel('Keep answers for').fill('ten minutes');
    await button('Save').click();
    await page.locator('dialog.wide .error').waitFor(); // the field says what is wrong with it
    await page.getByLabel('Keep answers for').fill('5m');
    await button('Save').click();
    await drawer.getByText('5m').waitFor();
    await changedMeanwhile(page, world, button);
    await go('/settings?tab=server&text=token');
    const shown = await page.locator('main').innerText();
    assert.ok(shown.includes('[admin] token') && !shown.includes(world.token));
    await inChinese(context, world, logIn, settled);

    // Workers, memory, a reload that is waited for.
    await go('/system');
    assert.equal(await page.getByRole('region', { name: 'Workers' }).locator('tbody tr').count(), 2);
    await button('Reload').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Reload' }).click();
    await page.getByText(/The configuration is in force/).waitFor({ timeout: 60000 });

    // A member who may look: his token is shown once, and nothing offers a change.
    await go('/members');
    await button('New admin token').click();
    await page.getByLabel('Name', { exact: true }).fill('looks <b>only</b>');
    await page.getByLabel('Role').selectOption('read-only');
    await button('Create token').click();
    const token = await page.locator('dialog .code pre').first().innerText();
    assert.match(token, /^at-aigw-/);
    await button('I have kept it').click();
    await page.getByRole('row', { name: /looks <b>only<\/b>/ }).waitFor();
    assert.ok(!(await page.content()).includes(token));

    // Another name is another name: a token that may nothing is not to be one that may all.
    const headers = { authorization: `Bearer ${world.token}`, 'content-type': 'application/json' };
    const made = await (await fetch(`${world.base}/admin/v1/tokens`, { method: 'POST', headers, body: JSON.stringify({ name: 'runs', role: 'operator', scopes: ['AI Gateway Run'] }) })).json();
    await go('/members');
    await page.getByRole('row', { name: /^runs/ }).getByRole('button').click();
    await page.getByRole('menuitem', { name: 'Edit' }).click();
    await page.getByLabel('Name', { exact: true }).fill('runs nothing');
    await button('Save').click();
    await page.getByRole('row', { name: /^runs nothing/ }).waitFor();
    assert.deepEqual((await (await page.request.get(`${world.base}/admin/v1/tokens/${made.id}`)).json()).scopes, made.scopes);

    const other = await context.browser().newContext({ locale: 'en-US' });
    const { page: reader, faults } = await watchedPage(other, world.base);
    await logIn(reader, { ...world, token });
    const { data: [key] } = await (await page.request.get(`${world.base}/admin/v1/keys?name=website-chat`)).json();
    const paths = ['/', '/keys', `/keys/${key.id}`, `/keys/${key.id}?tab=settings`, '/groups', '/groups/team-search', '/models', '/providers', '/settings',
        '/system', '/models?model=acme%2Flarge', '/providers?provider=mock'];
    const changing = ['Create key', 'Create a key', 'Show value', 'Rotate', 'Actions', /^Actions: /, /^Change: /, /^Select /, 'Create group', 'Top up', 'Set a quota', 'Add model', 'Prices',
        'Add provider', 'New profile', 'Reload', 'Purge', 'Edit', 'Delete', 'Add credential'];
    for (const path of paths) {
        await go(path, reader);
        for (const name of changing)
            for (const role of ['button', 'link', 'checkbox'])
                assert.equal(await reader.locator('main').getByRole(role, { name, exact: true }).count(), 0, `${name} on ${path}`);
    }
    assert.equal(await reader.locator('.sidebar').getByRole('link', { name: 'Audit log' }).count(), 0);
    assert.deepEqual(faults, []);
    await other.close();

    await go('/audit?operation=reload');
    await page.getByRole('row', { name: /admin.*Reload.*Done/ }).first().waitFor();
    await page.getByLabel('Operation').selectOption('gateway');
    await page.getByRole('row', { name: /Profile created.*careful/ }).waitFor();
    await page.getByRole('searchbox', { name: 'Object' }).fill('nobody-has-this-name');
    await page.getByText('Nothing matches. Take a filter away').waitFor();
}
