// The console's texts, for flows that go through it in either language.
// SPDX-License-Identifier: Apache-2.0
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '../../accountant/console/src/text');

// const t = await textsOf('zh'); t('keys.create')
export async function textsOf(language) {
    const folder = path.join(root, language);
    const texts = {};
    for (const file of fs.readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.js')))
        Object.assign(texts, (await import(pathToFileURL(path.join(folder, file)))).default);
    return (name) => {
        if (!(name in texts)) throw new Error(`no text ${name} in ${language}`);
        return texts[name];
    };
}
