// By a link, once; by a wrong token and a right one; out again. Nothing but
// preferences is kept where scripts can read it.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';

export async function run({ page, world, context, logIn, settled }) {
    const policy = (await page.goto(world.link)).headers()['content-security-policy'];
    assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self';/);
    await settled(page);
    assert.equal(new URL(page.url()).hash, '');
    assert.match(await page.locator('.account-name').innerText(), /host/);
    const cookie = (await context.cookies()).find(({ name }) => name === 'aigw_session');
    assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, 'Strict']);
    assert.deepEqual(await page.evaluate(() => [document.cookie, sessionStorage.length,
        Object.keys(localStorage).filter((name) => name !== 'aigw.preferences')]), ['', 0, []]);

    await page.getByRole('button', { name: /host/ }).click();
    await page.getByRole('menuitem', { name: 'Log out' }).click();
    await page.locator('.login-card').waitFor();
    await page.goto(world.link);
    await page.locator('.toast-error').waitFor(); // it was used

    await page.locator('input[name=token]').fill('at-aigw-wrong');
    await page.locator('button[type=submit]').click();
    await page.getByText('That is no valid admin token.').waitFor();
    await logIn(page, world);
    await page.goto(`${world.base}/console/sessions`);
    await settled(page);
    await page.getByRole('row', { name: /this one/ }).getByRole('button', { name: 'End' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'End' }).click();
    await page.locator('.login-card').waitFor();
}
