// All pieces of the interface in one place: import { Button, Table } from '../ui/index.js'.
// SPDX-License-Identifier: Apache-2.0
export { Icon } from './icon.js';
export { Button, Code, Copy, IconButton } from './button.js';
export { Checkbox, Field, Input, Search, Segmented, Select, Textarea } from './field.js';
export { Badge, Empty, Failure, Skeleton, Toasts } from './feedback.js';
export { Confirmation, Dialog, Drawer, confirm } from './dialog.js';
export { Menu } from './menu.js';
export { MoreRows, Pager, Table } from './table.js';
export { Bar, Card, Facts, Page, Tabs, Tile } from './page.js';
export { Combobox } from './combobox.js';
export { RangePicker, useRange } from './range.js';
export { Chart } from './chart.js';
export { downloadCsv, save } from './csv.js';
