// A field that proposes: what is typed may be kept as it is, or one of the options.
// SPDX-License-Identifier: Apache-2.0
import { classes, html, useId, useState } from '../dom.js';

const SHOWN = 50;

/*
 * <${Combobox} value=${model} onChange=${setModel} options=${['a', ['b', 'Label of b']]} ...${props} />
 * strict: only options can be chosen.
 */
export function Combobox({ value, onChange, options, strict, placeholder, id, ...rest }) {
    const own = useId();
    const name = id || own;
    const [open, setOpen] = useState(false);
    const [typed, setTyped] = useState(null);
    const [at, setAt] = useState(-1);
    const all = options.map((one) => (Array.isArray(one) ? one : [one, one]));
    const label = (key) => all.find(([one]) => one === key)?.[1] ?? key ?? '';
    const wanted = (typed ?? '').toLowerCase();
    const found = all.filter(([key, text]) => `${key} ${text}`.toLowerCase().includes(wanted)).slice(0, SHOWN);
    const close = () => {
        setOpen(false);
        setTyped(null);
        setAt(-1);
    };
    const choose = (key) => {
        onChange(key);
        close();
    };
    const input = (event) => {
        setTyped(event.target.value);
        setOpen(true);
        setAt(strict ? 0 : -1);
        if (!strict) onChange(event.target.value);
    };
    const keys = (event) => {
        if (event.key === 'Escape' && open) {
            event.preventDefault();
            event.stopPropagation();
            close();
        } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
            event.preventDefault();
            setOpen(true);
            const step = event.key === 'ArrowDown' ? 1 : -1;
            setAt((now) => (found.length ? (now + step + found.length) % found.length : -1));
        } else if (event.key === 'Enter' && open && found[at]) {
            event.preventDefault();
            choose(found[at][0]);
        }
    };
    const leave = (event) => !event.currentTarget.contains(event.relatedTarget) && close();
    return html`<div class="combobox" onFocusOut=${leave}>
        <input class="input" type="text" id=${name} role="combobox" aria-expanded=${open ? 'true' : 'false'} aria-autocomplete="list"
            aria-controls="${name}-list" aria-activedescendant=${at >= 0 ? `${name}-${at}` : undefined}
            autocomplete="off" spellcheck=${false} placeholder=${placeholder} value=${typed ?? label(value)}
            onInput=${input} onKeyDown=${keys} onFocus=${(event) => event.target.select()} onClick=${() => setOpen(true)} ...${rest} />
        <ul class=${classes('options', !(open && found.length) && 'is-closed')} id="${name}-list" role="listbox" aria-label=${placeholder}>
            ${open && found.map(([key, text], i) => html`<li key=${key} id="${name}-${i}" role="option" aria-selected=${key === value ? 'true' : 'false'}
                class=${i === at && 'is-at'} onMouseDown=${(event) => { event.preventDefault(); choose(key); }}>${text}</li>`)}
        </ul></div>`;
}
