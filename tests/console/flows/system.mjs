// Members with roles, profiles, a reload, and the audit log that tells of all that.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';

// The browser says it of each answer that is an error.
export const expected = /status of 400/;

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
    await go('/settings?tab=server&text=token');
    const shown = await page.locator('main').innerText();
    assert.ok(shown.includes('[admin] token') && !shown.includes(world.token));

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

    const other = await context.browser().newContext({ locale: 'en-US' });
    const reader = await other.newPage();
    await logIn(reader, { ...world, token });
    for (const path of ['/models', '/providers', '/settings', '/system', '/models?model=acme%2Flarge', '/providers?provider=mock']) {
        await go(path, reader);
        for (const name of ['Add model', 'Prices', 'Add provider', 'New profile', 'Reload', 'Purge', 'Edit', 'Delete', 'Add credential'])
            assert.equal(await button(name, reader).count(), 0, `${name} on ${path}`);
    }
    assert.equal(await reader.locator('.sidebar').getByRole('link', { name: 'Audit log' }).count(), 0);
    await other.close();

    await go('/audit?operation=reload');
    await page.getByRole('row', { name: /admin.*Reload.*ok/ }).first().waitFor();
    await page.getByLabel('Operation').selectOption('gateway');
    await page.getByRole('row', { name: /Profile created.*careful/ }).waitFor();
    await page.getByRole('searchbox', { name: 'Object' }).fill('nobody-has-this-name');
    await page.getByText('Nothing matches. Take a filter away').waitFor();
}
