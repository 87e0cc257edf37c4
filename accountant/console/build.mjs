// Bundles the console: src/ -> FOLDER/www/ and FOLDER/console_files.c, the table
// that the program has (console_files.h). Fails when the languages' texts differ
// in their names, when a name is used that is not there, when a source writes
// markup by hand, or when the whole has grown too large.
// usage: node build.mjs FOLDER
// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';

const LIMIT_BYTES = 80000; // gzip, all files
const here = path.dirname(fileURLToPath(import.meta.url));
const src = path.join(here, 'src');
const folder = path.resolve(process.argv[2]);
const modules = path.join(folder, 'node_modules');
const esbuild = createRequire(path.join(folder, 'package.json'))('esbuild');
const faults = [];

function filesBelow(dir, ending) {
    return fs.readdirSync(dir, { recursive: true })
        .filter((name) => name.endsWith(ending))
        .sort()
        .map((name) => path.join(dir, name));
}

async function textsOf(language) {
    const texts = {};
    for (const file of filesBelow(path.join(src, 'text', language), '.js'))
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
        for (const bad of ['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'document.write', 'eval('])
            if (code.includes(bad)) faults.push(`${file}: ${bad}`);
    }
    const beginnings = [...all.matchAll(/`([\w.-]+\.)\$\{/g)].map((match) => match[1])
        .concat([...all.matchAll(/\btWord\(\s*'([\w.-]+)'/g)].map((match) => `${match[1]}.`));
    for (const name of names)
        if (!all.includes(`'${name}'`) && !beginnings.some((b) => name.startsWith(b)))
            faults.push(`text ${name} is never used`);
}

async function bundle(texts) {
    const plugin = {
        name: 'texts',
        setup(build) {
            build.onResolve({ filter: /^texts$/ }, () => ({ path: 'texts', namespace: 'texts' }));
            build.onLoad({ filter: /.*/, namespace: 'texts' }, () => ({
                contents: JSON.stringify(texts), loader: 'json',
            }));
        },
    };
    const result = await esbuild.build({
        entryPoints: { console: path.join(src, 'main.js') },
        bundle: true, minify: true, write: false, format: 'esm', target: 'es2022',
        charset: 'utf8', legalComments: 'none', nodePaths: [modules], outdir: folder,
        loader: { '.svg': 'dataurl' }, plugins: [plugin], logLevel: 'warning', metafile: true,
    });
    fs.writeFileSync(path.join(folder, 'meta.json'), JSON.stringify(result.metafile));
    return Object.fromEntries(
        result.outputFiles.map((file) => [path.extname(file.path), Buffer.from(file.contents)]));
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
if (faults.length > 0) {
    console.error(faults.map((fault) => `console: ${fault}`).join('\n'));
    process.exit(1);
}
const bundled = await bundle(texts);
const assets = [
    ['js', 'console', 'text/javascript; charset=utf-8', bundled['.js']],
    ['css', 'console', 'text/css; charset=utf-8', bundled['.css']],
    ['svg', 'icon', 'image/svg+xml', fs.readFileSync(path.join(src, 'icon.svg'))],
    ['txt', 'licenses', 'text/plain; charset=utf-8', licenses()],
].map(([ending, stemName, type, bytes]) => (
    { ending, type, bytes, name: `assets/${stemName}-${hashOf(bytes)}.${ending}` }));
let page = fs.readFileSync(path.join(here, 'index.html'), 'utf8');
for (const asset of assets) page = page.replaceAll(`{{${asset.ending}}}`, `/console/${asset.name}`);
const files = [{ name: '', type: 'text/html; charset=utf-8', bytes: Buffer.from(page) }, ...assets];
let sum = 0;
fs.rmSync(path.join(folder, 'www'), { recursive: true, force: true });
for (const file of files) {
    file.hash = hashOf(file.bytes);
    file.gzip = gzipSync(file.bytes, { level: 9 });
    sum += file.gzip.length;
    const target = path.join(folder, 'www', file.name || 'index.html');
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.writeFileSync(target, file.bytes);
}
if (sum > LIMIT_BYTES) {
    console.error(`console: ${sum} bytes as gzip, more than ${LIMIT_BYTES}`);
    process.exit(1);
}
fs.writeFileSync(path.join(folder, 'console_files.c'), table(files));
console.log(`  CONSOLE ${sum} bytes as gzip`);
