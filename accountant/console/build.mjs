// Bundles the console: src/ -> FOLDER/www/ and FOLDER/console_files.c, the table
// that the program has (console_files.h): the frame, a piece for each language and
// each screen, one file of styles. Fails when the languages' texts differ in their
// names, when a name is used that is not there, when a source writes markup by
// hand, or when what one screen needs has grown too large.
// usage: node build.mjs FOLDER
// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';

const LIMIT_BYTES = 80000; // gzip, all that a visit to one screen fetches
const here = path.dirname(fileURLToPath(import.meta.url));
const src = path.join(here, 'src');
const folder = path.resolve(process.argv[2]);
const modules = path.join(folder, 'node_modules');
const esbuild = createRequire(path.join(folder, 'package.json'))('esbuild');
const faults = [];

function endOnFaults() {
    if (faults.length === 0) return;
    console.error(faults.map((fault) => `console: ${fault}`).join('\n'));
    process.exit(1);
}

function filesBelow(dir, ending) {
    return fs.readdirSync(dir, { recursive: true })
        .filter((name) => name.endsWith(ending))
        .sort()
        .map((name) => path.join(dir, name));
}

const isManage = (file) => file.includes('/manage/');
// What options are: the server says it in English, in Chinese it is a piece of its own.
const isOptions = (file) => file.includes('/options/');
const isFrame = (file) => !isManage(file) && !isOptions(file);

async function textsOf(language, which = (file) => !isOptions(file)) {
    const texts = {};
    for (const file of filesBelow(path.join(src, 'text', language), '.js').filter(which))
        for (const [name, text] of Object.entries((await import(pathToFileURL(file))).default)) {
            if (name in texts) faults.push(`${file}: ${name} is there twice`);
            texts[name] = text;
        }
    return texts;
}

// Plural forms (name.one, name.other) are their language's own affair.
const stem = (name) => name.replace(/\.(zero|one|two|few|many|other)$/, '');
const placesOf = (text) => (String(text).match(/\{\w+\}/g) || []).sort().join();

function checkLanguages(en, zh) {
    const names = { en: new Set(Object.keys(en).map(stem)), zh: new Set(Object.keys(zh).map(stem)) };
    for (const name of names.en) if (!names.zh.has(name)) faults.push(`zh lacks ${name}`);
    for (const name of names.zh) if (!names.en.has(name)) faults.push(`en lacks ${name}`);
    for (const name of Object.keys(en))
        if (name in zh && placesOf(en[name]) !== placesOf(zh[name]))
            faults.push(`${name}: the places in {} differ`);
    return names.en;
}

// Literals t('a.b') must be there; of t(`a.${x}`) some with that beginning.
function checkUse(names) {
    const sources = filesBelow(src, '.js').filter((file) => !file.includes('/text/'));
    let all = '';
    for (const file of sources) {
        const code = fs.readFileSync(file, 'utf8').replace(/^\s*(\/\/|\/?\*).*$/gm, '');
        all += code;
        for (const [, name] of code.matchAll(/\bt[np]?\(\s*'([\w.-]+)'/g))
            if (!names.has(name)) faults.push(`${file}: no text ${name}`);
        // By any case: preact's way to write markup is dangerouslySetInnerHTML.
        for (const bad of ['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'document.write', 'eval('])
            if (code.toLowerCase().includes(bad.toLowerCase())) faults.push(`${file}: ${bad}`);
    }
    const beginnings = [...all.matchAll(/`([\w.-]+\.)\$\{/g)].map((match) => match[1])
        .concat([...all.matchAll(/\btWord\(\s*'([\w.-]+)'/g)].map((match) => `${match[1]}.`));
    for (const name of names)
        if (!all.includes(`'${name}'`) && !beginnings.some((b) => name.startsWith(b)))
            faults.push(`text ${name} is never used`);
}

// esbuild splits by files: through ui/index.js every screen would fetch the charts.
// Who wants them takes them from their own file.
const CHART = "export { Chart } from './chart.js';";
function chartsApart(file, code) {
    if (file.endsWith('ui/index.js')) return code.replace(CHART, '');
    return code.replace(/^import \{([^}]*)\} from '(.*\/)index\.js';/gm, (all, names, folder) => (
        !/\bChart\b/.test(names) ? all
            : `import { Chart } from '${folder}chart.js';import {${names.replace(/\bChart\b,?/, '')}} from '${folder}index.js';`));
}

// {'a.b': x} as {a: {b: x}}: beginnings of names once.
function nested(texts) {
    const result = {};
    for (const [name, text] of Object.entries(texts)) {
        const dot = name.indexOf('.');
        (result[name.slice(0, dot)] ||= {})[name.slice(dot + 1)] = text;
    }
    return result;
}

// 'texts:en' is the texts of a language, a piece of its own. Styles are one file
// for all: what a script says of them here is nothing.
function pieces(texts) {
    return {
        name: 'pieces',
        setup(build) {
            build.onResolve({ filter: /^texts:/ }, ({ path: name }) => ({ path: name.slice(6), namespace: 'texts' }));
            build.onLoad({ filter: /.*/, namespace: 'texts' }, ({ path: name }) => ({
                contents: `export default ${JSON.stringify(nested(texts[name]))}`,
            }));
            build.onLoad({ filter: /\/src\/.*\.js$/ }, ({ path: file }) => ({ contents: chartsApart(file, fs.readFileSync(file, 'utf8')) }));
            build.onLoad({ filter: /\.css$/ }, () => ({ contents: '', loader: 'js' }));
        },
    };
}

const common = {
    bundle: true, minify: true, write: false, target: 'es2022', charset: 'utf8',
    legalComments: 'none', nodePaths: [modules], outdir: folder, logLevel: 'warning',
    loader: { '.svg': 'dataurl' },
};

// Screens and languages are pieces that are fetched when they are looked at.
async function bundleScripts(texts) {
    const result = await esbuild.build({
        ...common, entryPoints: { console: path.join(src, 'main.js') }, format: 'esm',
        splitting: true, entryNames: '[name]-[hash]', chunkNames: '[name]-[hash]',
        plugins: [pieces(texts)], metafile: true,
    });
    fs.writeFileSync(path.join(folder, 'meta.json'), JSON.stringify(result.metafile));
    const outputs = Object.entries(result.metafile.outputs)
        .map(([name, output]) => [path.basename(name), output]);
    return { files: result.outputFiles, outputs: new Map(outputs), inputs: result.metafile.inputs };
}

async function bundleStyles() {
    const first = ['tokens', 'base', 'ui', 'shell'].map((name) => path.join('style', `${name}.css`));
    const all = filesBelow(src, '.css').map((file) => path.relative(src, file));
    const names = [...first, ...all.filter((name) => !first.includes(name))];
    const result = await esbuild.build({
        ...common, stdin: { resolveDir: src, loader: 'css',
            contents: ['uplot/dist/uPlot.min.css', ...names.map((name) => `./${name}`)].map((name) => `@import "${name}";`).join('\n') },
    });
    return Buffer.from(result.outputFiles[0].contents);
}

// What is fetched with `name`, by its names; what it may fetch later is not in it.
function fetchedWith(outputs, name, found = new Set()) {
    if (found.has(name)) return found;
    found.add(name);
    for (const one of outputs.get(name).imports)
        if (one.kind === 'import-statement') fetchedWith(outputs, path.basename(one.path), found);
    return found;
}

const hashOf = (bytes) => createHash('sha256').update(bytes).digest('hex').slice(0, 20);

function licenses() {
    return Buffer.from(['preact', 'htm', 'uplot'].map((name) => {
        const version = JSON.parse(fs.readFileSync(path.join(modules, name, 'package.json'))).version;
        return `${name} ${version}\n\n${fs.readFileSync(path.join(modules, name, 'LICENSE'), 'utf8')}`;
    }).join('\n\n'));
}

function table(files) {
    const rows = files.map((file, i) => `    {"${file.name}", "${file.type}", "${file.hash}",\n     ` +
        `bytes_${i}, sizeof(bytes_${i}), ${file.bytes.length}},\n`);
    const arrays = files.map((file, i) => `static const unsigned char bytes_${i}[] = {\n` +
        [...file.gzip].join(',').replace(/(.{1,76}),/g, '$1,\n') + '};\n');
    return '/* Made by accountant/console/build.mjs. */\n' +
        '#include "accountant/console/console_files.h"\n\n' + arrays.join('') +
        `\nconst struct console_file console_files[] = {\n${rows.join('')}};\n` +
        `const unsigned console_file_count = ${files.length};\n`;
}

const texts = { en: await textsOf('en'), zh: await textsOf('zh') };
checkUse(checkLanguages(texts.en, texts.zh));
endOnFaults();
const manage = new Set(Object.keys(await textsOf('en', isManage)).map(stem));
const scripts = await bundleScripts({
    en: await textsOf('en', isFrame), 'en-manage': await textsOf('en', isManage),
    zh: await textsOf('zh', isFrame), 'zh-manage': await textsOf('zh', isManage), 'zh-options': await textsOf('zh', isOptions),
});
const entry = [...scripts.outputs].find(([, output]) => output.entryPoint?.endsWith('src/main.js'))[0];
const script = (file) => ({ ending: path.basename(file.path) === entry ? 'js' : '', type: 'text/javascript; charset=utf-8',
    bytes: Buffer.from(file.contents), name: `assets/${path.basename(file.path)}` });
const assets = [
    ...scripts.files.map(script),
    ...[
        ['css', 'console', 'text/css; charset=utf-8', await bundleStyles()],
        ['svg', 'icon', 'image/svg+xml', fs.readFileSync(path.join(src, 'icon.svg'))],
        ['txt', 'licenses', 'text/plain; charset=utf-8', licenses()],
    ].map(([ending, stemName, type, bytes]) => (
        { ending, type, bytes, name: `assets/${stemName}-${hashOf(bytes)}.${ending}` })),
];
let page = fs.readFileSync(path.join(here, 'index.html'), 'utf8');
for (const asset of assets)
    if (asset.ending) page = page.replaceAll(`{{${asset.ending}}}`, `/console/${asset.name}`);
const files = [{ name: '', type: 'text/html; charset=utf-8', bytes: Buffer.from(page) }, ...assets];
const sizes = new Map();
fs.rmSync(path.join(folder, 'www'), { recursive: true, force: true });
for (const file of files) {
    file.hash = hashOf(file.bytes);
    file.gzip = gzipSync(file.bytes, { level: 9 });
    sizes.set(path.basename(file.name), file.gzip.length);
    const target = path.join(folder, 'www', file.name || 'index.html');
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.writeFileSync(target, file.bytes);
}

// A visit: the page, its styles, the frame, a language, a screen, and what draws
// charts where the screen has some.
const sumOf = (names) => [...names].reduce((sum, name) => sum + sizes.get(name), 0);
const later = [...scripts.outputs].filter(([name, output]) => output.entryPoint && name !== entry).map(([name]) => name);
const entryOf = (name) => scripts.outputs.get(name).entryPoint;
const isLanguage = (name) => entryOf(name).startsWith('texts:');
const isCharts = (name) => entryOf(name).includes('/uplot/');
const ownSources = (file, found = new Set()) => {
    if (found.has(file) || !file.includes('src/screens/')) return found;
    found.add(file);
    for (const one of scripts.inputs[file].imports) if (one.kind === 'import-statement') ownSources(one.path, found);
    return found;
};
const codeOf = (name) => [...ownSources(entryOf(name))].map((file) => fs.readFileSync(path.resolve(file), 'utf8')).join('');
const hasCharts = (name) => /<\$\{Chart\}/.test(codeOf(name));
const screenTable = fs.readFileSync(path.join(src, 'screens.js'), 'utf8');
// The pieces of texts that a screen's row asks for, beside the frame's.
const piecesOf = (name) => ['', ...[...(new RegExp(`/${path.basename(entryOf(name))}'\\), '\\w+'(.*?)\\)`).exec(screenTable)?.[1] ?? '').matchAll(/'(\w+)'/g)].map(([, piece]) => `-${piece}`)];
const hasManage = (name) => piecesOf(name).includes('-manage');
const always = new Set([...fetchedWith(scripts.outputs, entry),
    ...assets.filter((one) => ['css', 'svg'].includes(one.ending)).map((one) => path.basename(one.name)), '']);
const languageOf = (name) => piecesOf(name).reduce((sum, piece) => sum + Math.max(
    ...later.filter((one) => isLanguage(one) && entryOf(one).replace(/^texts:\w+/, '') === piece).map((one) => sizes.get(one))), 0);
const charts = later.filter(isCharts);
const visits = later.filter((name) => !isLanguage(name) && !isCharts(name)).map((name) => (
    [sumOf(new Set([...always, ...fetchedWith(scripts.outputs, name), ...(hasCharts(name) ? charts : [])])) + languageOf(name), name]));
for (const [, name] of visits)
    if (!hasManage(name))
        for (const [, text] of codeOf(name).matchAll(/'([\w.-]+)'/g))
            if (manage.has(text)) faults.push(`${name}: ${text} is a text of text/LANGUAGE/manage, which it does not ask for`);
endOnFaults();
const [largest, screen] = visits.sort((a, b) => b[0] - a[0])[0];
if (largest > LIMIT_BYTES) {
    console.error(`console: ${screen} is ${largest} bytes as gzip with all that it needs, more than ${LIMIT_BYTES}`);
    process.exit(1);
}
fs.writeFileSync(path.join(folder, 'console_files.c'), table(files));
console.log(`  CONSOLE a screen is at most ${largest} bytes as gzip, all are ${sumOf(sizes.keys())}`);
