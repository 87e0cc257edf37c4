// Runs the flows of flows/, then walks all screens: see console.py.
// usage: node browse.mjs FOLDER [NAME...]
// SPDX-License-Identifier: Apache-2.0
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { logIn, preferences, settled, watchedPage } from './watch.mjs';

const [folder, ...wanted] = process.argv.slice(2);
const here = path.dirname(fileURLToPath(import.meta.url));
const from = createRequire(path.join(path.resolve(folder), 'package.json'));
const { chromium } = from('playwright-core');
const axe = fs.readFileSync(from.resolve('axe-core/axe.min.js'), 'utf8');
const world = JSON.parse(fs.readFileSync(path.join(folder, 'world.json'), 'utf8'));
const shots = path.join(folder, 'shots');
const SIZES = { wide: { width: 1280, height: 900 }, narrow: { width: 390, height: 844 } };
const ALL = ['en', 'zh'].flatMap((language) => ['light', 'dark'].flatMap((theme) =>
    Object.keys(SIZES).map((size) => ({ language, theme, size }))));
// Each one of these is among the two, each pair among the four.
const TWO = ALL.filter(({ language, theme, size }) =>
    (language === 'zh') === (theme === 'dark') && (theme === 'dark') === (size === 'narrow'));
const FOUR = ALL.filter(({ language, theme, size }) =>
    ((language === 'zh') + (theme === 'dark') + (size === 'narrow')) % 2 === 0);
// Of 2, 4, 8, or en-dark-narrow,zh-light-wide.
const looksOf = (text) => ({ 2: TWO, 4: FOUR, 8: ALL }[text] ??
    ALL.filter(({ language, theme, size }) => text.split(',').includes(`${language}-${theme}-${size}`)));
let passed = 0;
const failed = [];

function verdict(name, faults) {
    if (faults.length === 0) {
        passed++;
        return;
    }
    failed.push(name);
    console.log(`--- ${name}\n${faults.join('\n')}`);
}

const isWanted = (name) => wanted.length === 0 || wanted.some((part) => name.includes(part));

async function runFlows(browser) {
    const files = fs.readdirSync(path.join(here, 'flows')).filter((name) => name.endsWith('.mjs')).sort();
    for (const file of files) {
        if (!isWanted(file)) continue;
        const flow = await import(pathToFileURL(path.join(here, 'flows', file)));
        const opened = [];
        const faults = [];
        let page;
        // Another visitor, watched as the first one is: visitor({ locale: 'zh-CN' }, base)
        const visitor = async (options = {}, base = world.base) => {
            const context = await browser.newContext({ viewport: SIZES.wide, locale: 'en-US', ...options });
            opened.push(context);
            return (page = (await watchedPage(context, base, faults)).page);
        };
        try {
            await visitor();
            const picture = (name) => page.screenshot({ path: path.join(shots, `flow-${name}.png`) });
            await flow.run({ page, world, context: opened[0], logIn, settled, preferences, visitor, picture, sizes: SIZES });
        } catch (error) {
            faults.push(error.stack);
            await page?.screenshot({ path: path.join(shots, `failed-${file}.png`) })?.catch(() => {});
        }
        verdict(`flow ${file}`, faults.filter((fault) => !flow.expected?.test(fault)));
        for (const context of opened) await context.close();
    }
}

// The sidebar's screens and, of each, the first of every kind of page it leads to.
async function findScreens(page) {
    // By its path without names, and by what its query is about.
    const kindOf = (url) => url.pathname.split('/').slice(0, 5).map((part, i) => (i > 2 ? ':' : part)).join('/') +
        [...url.searchParams.keys()].filter((name) => !['from', 'to', 'range', 'page'].includes(name)).sort().join();
    const found = new Map();
    const add = (href) => {
        const url = new URL(href);
        if (!url.pathname.startsWith('/console/') || url.pathname.includes('/assets/')) return;
        const named = url.pathname.endsWith('/new');
        const kind = named ? url.pathname : kindOf(url);
        if (!found.has(kind)) found.set(kind, url.pathname + url.search);
    };
    const links = (where) => page.locator(`${where} a[href^="/console/"]`).evaluateAll((all) => all.map((one) => one.href));
    for (const href of await links('.sidebar-nav')) add(href);
    for (const route of [...found.values()]) {
        await page.goto(world.base + route);
        await settled(page);
        for (const href of await links('main')) add(href);
    }
    for (const route of ['/console/sessions', '/console/no/such/page']) found.set(route, route);
    return [...found.values()];
}

async function faultsOf(page) {
    const faults = await page.evaluate(async () => {
        const { violations } = await window.axe.run(document, { resultTypes: ['violations'] });
        const found = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
            .flatMap(({ id, nodes }) => nodes.slice(0, 4).map((node) => `axe ${id}: ${node.html.slice(0, 160)} ${node.any[0]?.message ?? ''}`));
        if (document.documentElement.scrollWidth > innerWidth) found.push(`wider than the window: ${document.documentElement.scrollWidth}`);
        // What others wrote makes no element, and turns no text but its own.
        for (const one of document.querySelectorAll('[onerror], main img, main script, dialog img')) found.push(`an element of others: ${one.outerHTML.slice(0, 160)}`);
        const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        while (walker.nextNode()) {
            const { data, parentElement } = walker.currentNode;
            if (!data.includes('\u202e') || /^\u2068|[^\u202e]*\u2068.*\u2069/s.test(data) || parentElement.closest('option, pre, textarea, title')) continue;
            let box = parentElement;
            while (getComputedStyle(box).display === 'inline' && !/isolate|plaintext/.test(getComputedStyle(box).unicodeBidi)) box = box.parentElement;
            if (box.textContent.trim() !== data.trim()) found.push(`turns more than itself: ${box.outerHTML.slice(0, 200)}`);
        }
        return found;
    });
    return faults;
}

async function walk(browser, screens, { language, theme, size }) {
    const context = await browser.newContext({ viewport: SIZES[size], reducedMotion: 'reduce', bypassCSP: false });
    await preferences(context, { language, theme, range: '1h', paused: true });
    const { page, faults } = await watchedPage(context, world.base);
    const visit = async (name, go) => {
        faults.length = 0;
        try {
            await go();
            // By the debugger, which the page's policy does not concern.
            await page.evaluate(axe);
            faults.push(...await faultsOf(page));
            await page.screenshot({ path: path.join(shots, `${name}-${language}-${theme}-${size}.png`), fullPage: true });
        } catch (error) {
            faults.push(error.stack);
        }
        verdict(`${name} ${language} ${theme} ${size}`, faults);
    };
    await visit('login', () => page.goto(`${world.base}/console/`).then(() => page.locator('.login-card').waitFor()));
    await logIn(page, world);
    for (const route of screens) {
        const name = route.slice('/console/'.length).replaceAll(/[^\w]+/g, '_') || 'overview';
        if (!isWanted(name)) continue;
        await visit(name, async () => {
            await page.goto(world.base + route);
            await settled(page);
        });
    }
    await context.close();
}

fs.rmSync(shots, { recursive: true, force: true });
fs.mkdirSync(shots, { recursive: true });
const browser = await chromium.launch({
    executablePath: world.chromium,
    args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
try {
    await runFlows(browser);
    const context = await browser.newContext({ viewport: SIZES.wide });
    const { page } = await watchedPage(context, world.base);
    await logIn(page, world);
    const screens = await findScreens(page);
    await context.close();
    for (const one of looksOf(process.env.AIGW_CONSOLE_WALKS ?? '4')) await walk(browser, screens, one);
} catch (error) {
    verdict('browse', [error.stack]);
} finally {
    await browser.close();
}
for (const name of failed) console.log(`FAILED: console: ${name}`);
console.log(`${passed} passed, ${failed.length} failed`);
process.exit(failed.length > 0 ? 1 : 0);
