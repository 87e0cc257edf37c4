// What one fills in. Every field has a label; its hint and error are read with it.
// SPDX-License-Identifier: Apache-2.0
import { classes, html, useEffect, useId, useRef, useState } from '../dom.js';

const TYPING_MS = 300;

/*
 * <${Field} label="Name" hint="..." error=${error}>
 *     ${(props) => html`<${Input} ...${props} value=${name} onInput=${setName} />`}
 * <//>
 * The function gets id and aria-* for its input.
 */
export function Field({ label, hint, error, optional, inline, class: more, children }) {
    const id = useId();
    const described = classes(hint && `${id}-hint`, error && `${id}-error`);
    const props = { id, 'aria-describedby': described || undefined, 'aria-invalid': error ? 'true' : undefined };
    return html`<div class=${classes('field', inline && 'field-inline', error && 'has-error', more)}>
        <label for=${id}>${label}${optional && html`<span class="muted"> ${optional}</span>`}</label>
        ${children(props)}
        ${hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}
        ${error && html`<p class="error" id="${id}-error">${error}</p>`}
    </div>`;
}

// onInput gets the value
export function Input({ value, onInput, type = 'text', class: more, ...rest }) {
    return html`<input type=${type} class=${classes('input', more)} value=${value ?? ''}
        autocomplete="off" spellcheck=${false} onInput=${(event) => onInput?.(event.target.value)} ...${rest} />`;
}

// What is typed is asked for when the fingers rest; onSearch gets it without blanks around it.
export function Search({ label, value = '', onSearch }) {
    const [text, setText] = useState(value);
    const timer = useRef();
    useEffect(() => {
        if (value !== text.trim()) setText(value);
    }, [value]);
    useEffect(() => () => clearTimeout(timer.current), []);
    const type = (now) => {
        setText(now);
        clearTimeout(timer.current);
        timer.current = setTimeout(() => onSearch(now.trim()), TYPING_MS);
    };
    return html`<${Input} type="search" value=${text} onInput=${type} placeholder=${label} aria-label=${label} />`;
}

export function Textarea({ value, onInput, rows = 4, class: more, ...rest }) {
    return html`<textarea class=${classes('input', more)} rows=${rows} value=${value ?? ''}
        onInput=${(event) => onInput?.(event.target.value)} ...${rest}></textarea>`;
}

// options: [['value', 'Label'], ...]
export function Select({ value, onChange, options, class: more, ...rest }) {
    return html`<select class=${classes('input', 'select', more)} value=${value}
        onChange=${(event) => onChange(event.target.value)} ...${rest}>
        ${options.map(([key, label]) => html`<option key=${key} value=${key} selected=${key === value}>${label}</option>`)}
    </select>`;
}

export function Checkbox({ checked, onChange, children, ...rest }) {
    return html`<label class="checkbox"><input type="checkbox" checked=${checked}
        onChange=${(event) => onChange(event.target.checked)} ...${rest} /><span>${children}</span></label>`;
}

// One of few: <${Segmented} label="Range" value=${v} options=${[['1h', '1h']]} onChange=${f} />
export function Segmented({ label, value, options, onChange }) {
    const name = useId();
    return html`<fieldset class="segmented"><legend class="sr-only">${label}</legend>
        ${options.map(([key, text, title]) => html`<label key=${key} title=${title} class=${key === value && 'is-on'}>
            <input type="radio" name=${name} value=${key} checked=${key === value} onChange=${() => onChange(key)} />
            <span>${text}</span></label>`)}
    </fieldset>`;
}
