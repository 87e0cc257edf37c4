// What the screens of parts (models, providers, members, settings) do alike: an
// action with its toast, lists as text, who made a part.
// SPDX-License-Identifier: Apache-2.0
import { html, useState } from '../dom.js';
import { t } from '../i18n.js';
import { toast, toastError } from '../state.js';
import { Badge } from '../ui/index.js';

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

// const {values, set, error, busy, save} = useForm({name: ''}); error: of a field by fieldError()
export function useForm(first) {
    const [values, setValues] = useState(first);
    const [error, setError] = useState(null);
    const [busy, setBusy] = useState(false);
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
    return { values, set, setValues, error, busy, setBusy, save };
}

export const fieldError = (error, name) => (error?.field === name ? error.message : undefined);

// What no field shows of an error.
export function FormError({ error, fields }) {
    return error && !fields.includes(error.field)
        && html`<p class="error" role="alert">${error.message}</p>`;
}

// 'a, b\nc' -> ['a', 'b', 'c']
export const listOf = (text) => text.split(/[\n,]/).map((one) => one.trim()).filter(Boolean);

export function ManagedBy({ by }) {
    return html`<${Badge} title=${by === 'file' ? t('part.file_text') : undefined}>${t(by === 'file' ? 'part.file' : 'part.api')}<//>`;
}
