// Texts by name and language: t('keys.title'), t('keys.left', {n: '3'}),
// tn('keys.count', 3) by plural form (names with .one, .other). build.mjs makes a
// piece of text/LANGUAGE/*.js for each language, fetched when it is spoken, and one
// of text/LANGUAGE/manage/*.js, fetched with the screens that need it. Options of the
// server have their English from it, and text/zh/options/ for Chinese.
// SPDX-License-Identifier: Apache-2.0
import { preferences } from './state.js';

export const LANGUAGES = { en: 'English', zh: '中文' };

const pieces = {
    frame: { en: () => import('texts:en'), zh: () => import('texts:zh') },
    manage: { en: () => import('texts:en-manage'), zh: () => import('texts:zh-manage') },
    options: { en: async () => ({ default: {} }), zh: () => import('texts:zh-options') },
};
const wanted = new Set(['frame']);
const there = new Set();
const texts = { en: {}, zh: {} };

// build.mjs writes beginnings of names once: {keys: {title}} is 'keys.title'.
const flat = (nested) => Object.fromEntries(Object.entries(nested).flatMap(([beginning, rest]) => (
    Object.entries(rest).map(([name, text]) => [`${beginning}.${name}`, text]))));

// Before a language is shown; `piece`: one more that is needed from now on.
export async function loadTexts(name = language(), piece = 'frame') {
    wanted.add(piece);
    await Promise.all([...wanted].filter((one) => !there.has(name + one)).map(async (one) => {
        Object.assign(texts[name], flat((await pieces[one][name]()).default));
        there.add(name + one);
    }));
}

export function language() {
    const { language: chosen } = preferences.get();
    if (chosen in LANGUAGES) return chosen;
    return (navigator.language || 'en').toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

export const locale = () => (language() === 'zh' ? 'zh-CN' : 'en-US');

export function t(name, places) {
    const text = texts[language()][name] ?? name;
    return places === undefined ? text
        : text.replace(/\{(\w+)\}/g, (all, place) => isolated(places[place] ?? all));
}

// A mark that turns the direction ends with the name that has it, not with the sentence.
const TURNS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;
const isolated = (value) => (TURNS.test(value) ? `\u2068${String(value).replaceAll('\u2069', '')}\u2069` : value);

// Whether there is a text of that name, for names that a server's word makes.
const hasText = (name) => name in texts[language()];

// A server's word (status, code, role) in the reader's language, or as it is.
export const tWord = (beginning, word) =>
    hasText(`${beginning}.${word}`) ? t(`${beginning}.${word}`) : String(word ?? '');

// What an option of the server is: {option, text}, of /settings.
export const optionText = (section, { option, text }) =>
    texts[language()][`option.${section}.${option}`] ?? texts[language()][`option.${option}`] ?? text;

export function tn(name, n, places) {
    const form = new Intl.PluralRules(locale()).select(n);
    const full = `${name}.${form}` in texts[language()] ? `${name}.${form}` : `${name}.other`;
    return t(full, { n: new Intl.NumberFormat(locale()).format(n), ...places });
}
