// Texts by name and language: t('keys.title'), t('keys.left', {n: '3'}),
// tn('keys.count', 3) by plural form (names with .one, .other). build.mjs makes a
// piece of text/LANGUAGE/*.js for each language, fetched when it is spoken.
// SPDX-License-Identifier: Apache-2.0
import { preferences } from './state.js';

export const LANGUAGES = { en: 'English', zh: '中文' };

const pieces = { en: () => import('texts:en'), zh: () => import('texts:zh') };
const texts = {};

// Before a language is shown.
export async function loadTexts(name = language()) {
    texts[name] ??= (await pieces[name]()).default;
}

export function language() {
    const { language: wanted } = preferences.get();
    if (wanted in LANGUAGES) return wanted;
    return (navigator.language || 'en').toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

export const locale = () => (language() === 'zh' ? 'zh-CN' : 'en-US');

export function t(name, places) {
    const text = texts[language()][name] ?? name;
    return places === undefined ? text
        : text.replace(/\{(\w+)\}/g, (all, place) => places[place] ?? all);
}

// Whether there is a text of that name, for names that a server's word makes.
export const hasText = (name) => name in texts[language()];

// A server's word (status, code, role) in the reader's language, or as it is.
export const tWord = (beginning, word) =>
    hasText(`${beginning}.${word}`) ? t(`${beginning}.${word}`) : String(word ?? '');

export function tn(name, n, places) {
    const form = new Intl.PluralRules(locale()).select(n);
    const full = `${name}.${form}` in texts[language()] ? `${name}.${form}` : `${name}.other`;
    return t(full, { n: new Intl.NumberFormat(locale()).format(n), ...places });
}
