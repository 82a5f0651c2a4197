import type * as v11 from "@grafana/schema-11";
import type * as stat11 from "@grafana/schema-11/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen.d.ts";
import type * as timeline11 from "@grafana/schema-11/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen.d.ts";
import type * as table11 from "@grafana/schema-11/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen.d.ts";
import type * as series11 from "@grafana/schema-11/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen.d.ts";
import type * as v13 from "@grafana/schema-13";
import type * as stat13 from "@grafana/schema-13/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type * as timeline13 from "@grafana/schema-13/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen";
import type * as table13 from "@grafana/schema-13/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen";
import type * as series13 from "@grafana/schema-13/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

/** What JSON has for a type of Grafana's: where that has an enum of strings, the strings. */
type Json<T> = T extends string ? `${T}`
  : T extends readonly (infer E)[] ? Json<E>[]
  : T extends object ? { [K in keyof T]: Json<T[K]> }
  : T;

/** Prometheus' part of a panel's query, which is in no schema. */
interface PrometheusQuery {
  readonly expr: string;
  readonly legendFormat?: string;
  readonly instant?: boolean;
  readonly range?: boolean;
  readonly format?: "time_series" | "table" | "heatmap";
}

/** A version of Grafana's types. */
interface Grafana {
  readonly dashboard: unknown;
  readonly row: unknown;
  readonly panel: unknown;
  readonly query: unknown;
  readonly fields: { defaults: unknown };
  /** Each type of panel: its options, and those of its fields. */
  readonly stat: [unknown, unknown];
  readonly table: [unknown, unknown];
  readonly timeseries: [unknown, unknown];
  readonly "state-timeline": [unknown, unknown];
}

type PanelType = "stat" | "table" | "timeseries" | "state-timeline";

/**
 * A panel of a type that is known, with the options of that type.
 *
 * Grafana's own types leave options and queries open, as plugins may have any.
 */
type Panel<G extends Grafana, Type extends PanelType> =
  & Omit<G["panel"], "type" | "options" | "fieldConfig" | "targets">
  & {
    type: Type;
    options: G[Type][0];
    fieldConfig: Omit<G["fields"], "defaults"> & {
      defaults: Omit<G["fields"]["defaults"], "custom"> & { custom?: G[Type][1] };
    };
    targets: (Omit<G["query"], "key"> & PrometheusQuery)[];
  };

type Dashboard<G extends Grafana> = Json<
  Omit<G["dashboard"], "panels"> & {
    panels: (G["row"] | { [Type in PanelType]: Panel<G, Type> }[PanelType])[];
  }
>;

type None = Record<string, never>;

/** A dashboard of Grafana 11. */
export type Dashboard11 = Dashboard<{
  dashboard: v11.Dashboard;
  row: v11.RowPanel;
  panel: v11.Panel;
  query: v11.DataQuery;
  fields: v11.FieldConfigSource;
  stat: [stat11.Options, None];
  table: [table11.Options, table11.FieldConfig];
  timeseries: [series11.Options, series11.FieldConfig];
  "state-timeline": [timeline11.Options, timeline11.FieldConfig];
}>;

/** A dashboard of Grafana 13. */
export type Dashboard13 = Dashboard<{
  dashboard: v13.Dashboard;
  row: v13.RowPanel;
  panel: v13.Panel;
  query: v13.DataQuery;
  fields: v13.FieldConfigSource;
  stat: [stat13.Options, None];
  table: [table13.Options, table13.FieldConfig];
  timeseries: [series13.Options, series13.FieldConfig];
  "state-timeline": [timeline13.Options, timeline13.FieldConfig];
}>;
