// Providers, models and profiles made, changed and deleted; prices looked at before
// they are taken over; a test that streams; what the file made stays the file's.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';

// The browser says it of each answer that is an error.
export const expected = /status of (412|404|50\d)/;

// Somebody else changes what a form is open for: nothing that was typed is lost, theirs is
// taken in, and what both changed is said.
async function meanwhile(page, world, { path, open, mine, shared, theirs }) {
    const dialog = page.locator('dialog').last();
    await open();
    await dialog.getByLabel(mine.label).fill(mine.value);
    if (shared) await dialog.getByLabel(shared.label).fill(shared.value);
    const answer = await fetch(`${world.base}/admin/v1${path}`, {
        method: 'PATCH', body: JSON.stringify(theirs), headers: { authorization: `Bearer ${world.token}`, 'content-type': 'application/json' },
    });
    assert.equal(answer.status, 200, await answer.text());
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.getByText('Somebody changed it meanwhile').waitFor();
    assert.equal(await dialog.getByLabel(mine.label).inputValue(), mine.value);
    await dialog.getByRole('button', { name: 'Take theirs in' }).click();
    await dialog.getByText('What you did not touch is as it stands now').waitFor();
    assert.equal(await dialog.getByLabel(mine.label).inputValue(), mine.value);
    if (shared) await dialog.getByText(`By now it is: ${shared.now}`).waitFor();
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.getByText('What you did not touch').waitFor({ state: 'detached' });
    return (await page.request.get(`${world.base}/admin/v1${path}`)).json();
}

export async function run({ page, world, logIn, settled }) {
    const go = async (path) => {
        await page.goto(`${world.base}/console${path}`);
        await settled(page);
    };
    const button = (name) => page.getByRole('button', { name, exact: true });
    await logIn(page, world);

    // A provider: its key is masked, its models are there to be priced.
    await go('/providers');
    await button('Add provider').click();
    await page.getByLabel('Provider', { exact: true }).selectOption('DeepSeek');
    assert.equal(await page.getByLabel('Base URL').inputValue(), 'https://api.deepseek.com');
    await page.getByLabel('Name', { exact: true }).fill('seek');
    await page.getByLabel('API key').fill('sk-console-canary-9876');
    await page.getByRole('textbox', { name: 'Models' }).fill('one\ntwo');
    await button('Save').click();
    const drawer = page.locator('dialog.drawer');
    await drawer.getByText('****9876').first().waitFor();
    await drawer.getByRole('row', { name: /^two/ }).waitFor();
    assert.ok(!(await page.content()).includes('canary'));
    await button('Disable').click();
    await drawer.getByText('disabled').first().waitFor();
    await button('Enable').click();
    await drawer.getByText('up', { exact: true }).first().waitFor();
    const seek = await meanwhile(page, world, {
        path: '/providers/seek', open: () => button('Edit').click(), mine: { label: 'Base URL', value: 'https://eu.deepseek.com' },
        shared: { label: 'Models', value: 'one\ntwo\nthree', now: 'one\ntwo\nfour' }, theirs: { models: ['one', 'two', 'four'], idle_timeout: '77s' },
    });
    assert.deepEqual([seek.base_url, seek.models, seek.idle_timeout], ['https://eu.deepseek.com', ['one', 'two', 'three'], '77s']);

    // A test of one that answers, and of one that does not.
    await go('/providers?provider=mock');
    await button('Run test').click();
    await page.getByText(/It answers/).waitFor();
    await page.locator('.test .said').waitFor();
    await go('/providers?provider=broken');
    await button('Run test').click();
    await page.locator('.test [role=alert]').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Edit' }).count(), 0); // the file's

    // Prices: of a list, then by hand; each is a version in the history.
    await go('/models');
    await button('Prices').click();
    await page.getByRole('menuitem', { name: 'Import prices' }).click();
    await page.getByLabel('Or paste it here').fill('model,input,output\none,0.5,2\nvision-x,1,2\nnot-here,1,1\n');
    await button('Preview').click();
    await page.getByRole('row', { name: /new one/ }).waitFor();
    await page.getByRole('row', { name: /aigw.ini vision-x/ }).waitFor();
    await button('Take over 1').click();
    await page.getByRole('row', { name: /^one.*\$0\.50.*\$2\.00/ }).waitFor();
    await go('/models?model=one');
    await button('Edit').click();
    await page.locator('dialog.wide').getByLabel('Input', { exact: true }).fill('0.75');
    await button('Save').click();
    await page.getByRole('region', { name: 'Price history' }).getByRole('row', { name: /\$0\.75/ }).waitFor();
    await page.getByRole('region', { name: 'Price history' }).getByRole('row', { name: /\$0\.50/ }).waitFor();

    await go('/providers?provider=seek');
    await button('Delete').click();
    await page.getByLabel('Type seek to confirm').fill('seek');
    await page.locator('dialog').last().getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('row', { name: /^seek/ }).waitFor({ state: 'detached' });
}
