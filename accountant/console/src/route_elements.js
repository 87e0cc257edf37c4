// The elements of a dynamic route, read and written: accountant/admin takes either
// spelling, id=a type=model model=m or Cloudflare's JSON.
// SPDX-License-Identifier: Apache-2.0

// What each type has: properties, and outputs by name. A percentage's outputs are its shares.
export const TYPES = {
    model: { properties: ['model', 'provider', 'retries', 'timeout'], outputs: ['fallback'] },
    conditional: { properties: ['conditions'], outputs: ['true', 'false'] },
    percentage: { properties: [], outputs: [] },
    rate: { properties: ['limitType', 'limit', 'window', 'key'], outputs: ['success', 'fallback'] },
    start: { properties: [], outputs: ['next'] },
    end: { properties: [], outputs: [] },
};
// What else comes by, in words of the type: a model that failed, more than a limit.
export const outputName = (type, name) => (name !== 'fallback' ? name : type === 'model' ? 'failed' : 'beyond');

const ALL_OUTPUTS = ['next', 'true', 'false', 'success', 'fallback', 'else'];

// Where the JSON that text begins with ends; its whole length when it does not.
function jsonLength(text) {
    let depth = 0;
    let quoted = false;
    for (let i = 0; i < text.length; i++) {
        if (quoted) {
            if (text[i] === '\\') i++;
            else if (text[i] === '"') quoted = false;
        } else if (text[i] === '"') {
            quoted = true;
        } else if (text[i] === '{') {
            depth++;
        } else if (text[i] === '}' && --depth === 0) {
            return i + 1;
        }
    }
    return text.length;
}

function readJson(text) {
    const { id = '', type = '', properties = {}, outputs = {} } = JSON.parse(text);
    const values = Object.fromEntries(Object.entries(properties ?? {}).map(([name, value]) => [name, typeof value === 'object' ? JSON.stringify(value) : String(value)]));
    return { id: String(id), type: String(type), properties: values, outputs: Object.entries(outputs ?? {}).map(([name, to]) => [name, String(to?.elementId ?? to ?? '')]) };
}

/*
 * A line as {id, type, properties: {name: text}, outputs: [[name, id]]}; null when it
 * is no element as far as one can see here.
 */
export function readElement(line) {
    const element = { id: '', type: '', properties: {}, outputs: [] };
    let rest = line.trim();
    try {
        if (rest.startsWith('{')) return readJson(rest);
    } catch {
        return null;
    }
    while (rest !== '') {
        const [, name, behind] = /^([^\s=]+)=([^]*)$/.exec(rest) ?? [];
        if (name === undefined) return null;
        // A condition that is being typed goes to the end.
        const length = name !== 'when' ? behind.search(/\s|$/) : behind.startsWith('{') ? jsonLength(behind) : behind.length;
        const value = behind.slice(0, length);
        if (name === 'id' || name === 'type') element[name] = value;
        else if (name === 'to') element.outputs.push([value.slice(value.lastIndexOf(':') + 1), value.slice(0, Math.max(0, value.lastIndexOf(':')))]);
        else if (ALL_OUTPUTS.includes(name)) element.outputs.push([name, value]);
        else element.properties[name === 'when' ? 'conditions' : name] = value;
        rest = behind.slice(length).trimStart();
    }
    return element;
}

const asJson = ({ id, type, properties, outputs }) => JSON.stringify({
    id, type, properties, outputs: Object.fromEntries(outputs.map(([name, to]) => [name, { elementId: to }])),
});

export function writeElement(element) {
    const { id, type, properties: { conditions, ...properties }, outputs } = element;
    const words = [['id', id], ['type', type], ...Object.entries(properties),
        ...outputs.map(([name, to]) => (type === 'percentage' && name !== 'else' ? ['to', `${to}:${name}`] : [name, to]))].filter(([, value]) => value !== '');
    if (words.some(([, value]) => /\s/.test(value))) return asJson(element);
    // The condition is the last: it may have blanks, and be half typed.
    if (conditions !== undefined) words.push(['when', conditions]);
    return words.map(([name, value]) => `${name}=${value}`).join(' ');
}

// The API's elements, texts or objects, as lines and back. What cannot be read goes as it is: the API says why.
export const linesOf = (elements) => elements.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join('\n');
export const elementsOf = (lines) => lines.split('\n').map((line) => line.trim()).filter(Boolean).map((line) => {
    try {
        return line.startsWith('{') ? JSON.parse(line) : line;
    } catch {
        return line;
    }
});

// What is on the way, by name, in the order of the elements.
export const modelsOf = (elements) => elements.filter((one) => one?.type === 'model').map(({ properties: { provider, model } }) => (provider ? `${provider}/${model}` : model));
