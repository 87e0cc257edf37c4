// A page of the console that is watched: what it says on its console, what it asks
// for elsewhere, what its policy refused, what opened a dialog.
// SPDX-License-Identifier: Apache-2.0

// Before a login the browser itself says that who one is was answered by 401.
const EXPECTED = /status of 401/;

export async function watchedPage(context, base, faults = []) {
    const page = await context.newPage();
    page.on('console', (message) => {
        const text = message.text();
        if (['error', 'warning'].includes(message.type()) && !EXPECTED.test(text)) faults.push(`console: ${text}`);
    });
    page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
    page.on('dialog', (dialog) => {
        faults.push(`a script ran: ${dialog.message()}`);
        dialog.dismiss();
    });
    page.on('request', (request) => {
        const url = request.url();
        if (!url.startsWith(`${base}/`) && !/^(data|blob):/.test(url)) faults.push(`asked elsewhere: ${url}`);
    });
    await page.exposeFunction('sayPolicy', (text) => faults.push(`policy: ${text}`));
    await page.addInitScript(() => document.addEventListener('securitypolicyviolation',
        (event) => window.sayPolicy(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`)));
    return { page, faults };
}

export const preferences = (context, values) => context.addInitScript((text) => {
    if (!localStorage.getItem('aigw.preferences')) localStorage.setItem('aigw.preferences', text);
}, JSON.stringify(values));

export async function logIn(page, world) {
    await page.goto(`${world.base}/console/`);
    await page.locator('input[name=token]').fill(world.token);
    await page.locator('button[type=submit]').click();
    await page.locator('.shell').waitFor();
}

// What is on its way is there.
export async function settled(page) {
    await page.waitForFunction(() => document.querySelector('main h1') &&
        !document.querySelector('main .skeleton, main [aria-busy="true"]'), null, { timeout: 30000 });
}
