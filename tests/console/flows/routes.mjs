// Dynamic routes: made step by step, a fault told at its step, called, given a version that
// is put in force, and taken back; a price of one provider's calls of a model.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';

// The browser says it of each answer that is an error.
export const expected = /status of (400|404)/;

// The model that a call of the profile by that name came to.
async function ask(world, model) {
    const answer = await fetch(`${world.base}/v1/chat/completions`, {
        method: 'POST', body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }] }),
        headers: { authorization: `Bearer ${world.keys['website-chat']}`, 'content-type': 'application/json', 'cf-aig-gateway-id': 'support' },
    });
    return answer.ok ? answer.headers.get('x-aigw-model') : answer.status;
}

async function make(page, world, button) {
    await button('New route').click();
    const dialog = page.locator('dialog.wide').last();
    await dialog.getByLabel('Name', { exact: true }).fill('desk');
    const steps = dialog.locator('.way-element');
    await steps.nth(0).getByLabel('Model', { exact: true }).fill('acme/small');
    await steps.nth(1).getByLabel('Model', { exact: true }).fill('acme/large');
    // Who leads to a step follows its name.
    await steps.nth(1).getByLabel('Name of the step').fill('big');
    assert.equal(await steps.nth(0).getByLabel('if it fails →').inputValue(), 'big');
    await steps.nth(0).getByLabel('Retries').fill('99');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.getByRole('alert').waitFor(); // the API says what is wrong
    await steps.nth(0).getByLabel('Retries').fill('1');
    await dialog.getByRole('radio', { name: 'Text' }).check();
    const text = dialog.getByLabel('Elements');
    assert.equal(await text.inputValue(), 'id=first type=model model=acme/small retries=1 fallback=big\nid=big type=model model=acme/large');
    await text.fill(`${await text.inputValue()}\nnot an element`);
    await dialog.getByText('A line here cannot be drawn').waitFor();
    await text.fill('id=first type=model fallback=gone model=acme/small');
    await dialog.getByRole('radio', { name: 'Steps' }).check();
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.getByText(/an output leads to no element/).first().waitFor();
    assert.equal(await dialog.locator('.way-element.has-error').count(), 1);
    await steps.nth(0).getByLabel('if it fails →').selectOption('');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.locator('dialog.drawer').getByText('dynamic/desk').waitFor();
    assert.equal(await ask(world, 'dynamic/desk'), 'acme/small');
}

async function versions(page, world, button) {
    const drawer = page.locator('dialog.drawer');
    await button('New version').click();
    const dialog = page.locator('dialog.wide').last();
    assert.equal(await dialog.getByLabel('Version').inputValue(), '2');
    await dialog.getByLabel('Model', { exact: true }).fill('acme/large');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await drawer.getByRole('row', { name: /^2 In force/ }).waitFor();
    assert.equal(await ask(world, 'dynamic/desk'), 'acme/large');
    assert.equal(await ask(world, 'dynamic/desk@1'), 'acme/small'); // what was in force is kept
    await drawer.getByRole('row', { name: /^1 / }).getByRole('button', { name: 'Put in force' }).click();
    await page.locator('dialog').last().getByRole('button', { name: 'Put in force' }).click();
    await drawer.getByRole('row', { name: /^1 In force/ }).waitFor();
    assert.equal(await ask(world, 'dynamic/desk'), 'acme/small');
    await button('Disable').click();
    await drawer.getByText('disabled').waitFor();
    assert.equal(await ask(world, 'dynamic/desk'), 404);
    await button('Delete').click();
    await page.locator('dialog').last().getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('row', { name: /^desk/ }).waitFor({ state: 'detached' });
    const { data } = await (await page.request.get(`${world.base}/admin/v1/routes`)).json();
    assert.ok(!data.some((one) => one.name.includes('desk')));
}

// One provider's price: its own, with tiers that are read; then the model's again.
async function pair(page, world) {
    const row = page.getByRole('region', { name: 'Providers' }).getByRole('row', { name: /^mock/ });
    await row.getByRole('button', { name: "the model's" }).click();
    const dialog = page.locator('dialog.wide').last();
    const proposed = await dialog.getByLabel('Output', { exact: true }).elementHandle();
    await page.waitForFunction((input) => input.value === '0.6', proposed); // the model's
    await dialog.getByLabel('Input', { exact: true }).fill('0.10');
    await dialog.getByLabel('Tiers: when').fill('hours=16:30-00:30 output=nothing');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.locator('.error').first().waitFor();
    await dialog.getByLabel('Tiers: when').fill('hours=16:30-00:30 input=0.05');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await row.getByRole('button', { name: /\$0\.10/ }).waitFor();
    await page.getByRole('row', { name: /16:30-00:30 UTC.*\$0\.05/ }).waitFor();
    const { price_input } = await (await page.request.get(`${world.base}/admin/v1/endpoints/mock%2Facme%2Fsmall`)).json();
    assert.equal(Number(price_input), 0.1);
    await row.getByRole('button', { name: /\$0\.10/ }).click();
    await dialog.getByRole('button', { name: 'Take the price away' }).click();
    await page.locator('dialog').last().getByRole('button', { name: 'Take the price away' }).click();
    await row.getByRole('button', { name: "the model's" }).waitFor();
}

export async function run({ page, world, logIn, settled }) {
    const button = (name) => page.getByRole('button', { name, exact: true });
    await logIn(page, world);
    await page.goto(`${world.base}/console/routes`);
    await settled(page);
    await make(page, world, button);
    await versions(page, world, button);
    await page.goto(`${world.base}/console/models?model=acme%2Fsmall`);
    await settled(page);
    await pair(page, world);
}
