// What screens do alike: an action with its toast, forms of what others may change
// meanwhile, lists as text, who made a part.
// SPDX-License-Identifier: Apache-2.0
import { html, useMemo, useState } from '../dom.js';
import { api, newIdempotencyKey } from '../api.js';
import { t } from '../i18n.js';
import { toast, toastError } from '../state.js';
import { Badge, Button, Icon } from '../ui/index.js';

// True when it went well; what went wrong is told.
export async function act(action, done) {
    try {
        await action();
        if (done) toast(done);
        return true;
    } catch (error) {
        toastError(error);
        return false;
    }
}

const isSame = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const shown = (value) => [value].flat().join(', ') || '–';

/*
 * const form = useForm({name: ''})
 * const form = useForm(valuesOf(part), {path, etag, valuesOf})     of a part that is changed
 * -> {values, first, set, setValues, error, busy, setBusy, save}: first is what the fields
 *    began with; save(action) keeps the action's failure as error;
 * -> {idempotencyKey}: of a creation, the same until something else is typed;
 * -> {ifMatch, takeAnew, now, theirs}: a part that others changed meanwhile (412) is asked for
 *    anew (now); what was typed stays, and what others made of such a field is in theirs.
 */
export function useForm(begin, part) {
    const [values, setValues] = useState(begin);
    const [base, setBase] = useState({ first: begin, ifMatch: part?.etag, theirs: {} });
    const [error, setError] = useState(null);
    const [busy, setBusy] = useState(false);
    const idempotencyKey = useMemo(newIdempotencyKey, [values]);
    const set = (name) => (value) => setValues((now) => ({ ...now, [name]: value }));
    const save = async (action) => {
        setBusy(true);
        setError(null);
        try {
            await action();
        } catch (failure) {
            setError(failure);
            setBusy(false);
        }
    };
    const takeAnew = async () => {
        try {
            const { data, etag } = await api.send('GET', part.path);
            const first = part.valuesOf(data);
            const theirs = {};
            const merged = { ...values };
            for (const name of Object.keys(first))
                if (isSame(values[name], base.first[name])) merged[name] = first[name];
                else if (!isSame(first[name], base.first[name]) && !isSame(first[name], values[name])) theirs[name] = shown(first[name]);
            setBase({ first, ifMatch: etag, theirs, now: data });
            setValues(merged);
            setError(null);
        } catch (failure) {
            setError(failure);
        }
    };
    return { ...base, values, set, setValues, error, busy, setBusy, save, idempotencyKey, takeAnew };
}

const isOf = (error, name) => error?.field === name || error?.field?.startsWith(`${name}[`);

// What a field says below itself: what is wrong with it, or what others made of it.
export function fieldError(form, name) {
    if (isOf(form.error, name)) return form.error.message;
    return name in form.theirs ? t('part.theirs', { value: form.theirs[name] }) : undefined;
}

// What no field shows of a form's error; fields: those that it has.
export function FormError({ form, fields = Object.keys(form.values) }) {
    const { error } = form;
    if (error?.code === 'precondition_failed')
        return html`<div class="warning" role="alert"><${Icon} name="warning" /><span class="grow">${t('part.stale')}</span>
            <${Button} small icon="refresh" onClick=${form.takeAnew}>${t('part.take_anew')}<//></div>`;
    if (!error) return form.now && html`<p class="hint" role="status">${t('part.taken_anew')}</p>`;
    return !fields.some((name) => isOf(error, name)) && html`<p class="error" role="alert">${error.message}</p>`;
}

// Editing begins with what a part is by now: const [part, edit, end] = useEditing();
// edit('/providers/x'); part: {data, etag}, null while nothing is edited.
export function useEditing() {
    const [part, setPart] = useState(null);
    return [part, (path) => act(async () => setPart(await api.send('GET', path))), () => setPart(null)];
}

// 'a, b\nc' -> ['a', 'b', 'c']
export const listOf = (text) => text.split(/[\n,]/).map((one) => one.trim()).filter(Boolean);

export function ManagedBy({ by }) {
    return html`<${Badge} title=${by === 'file' ? t('part.file_text') : undefined}>${t(by === 'file' ? 'part.file' : 'part.api')}<//>`;
}
