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

/**
 * A panel of a type that is known, with the options of that type.
 *
 * Grafana's own types leave options and queries open, as plugins may have any.
 */
type PanelOf<Base, Type, Options, Query, Fields extends { defaults: unknown }, Custom> =
  & Omit<Base, "type" | "options" | "fieldConfig" | "targets">
  & {
    type: Type;
    options: Options;
    fieldConfig: Omit<Fields, "defaults"> & {
      defaults: Omit<Fields["defaults"], "custom"> & { custom?: Custom };
    };
    targets: (Omit<Query, "key"> & PrometheusQuery)[];
  };

type Panel11<Type, Options, Custom = Record<string, never>> = PanelOf<
  v11.Panel,
  Type,
  Options,
  v11.DataQuery,
  v11.FieldConfigSource,
  Custom
>;
type Panel13<Type, Options, Custom = Record<string, never>> = PanelOf<
  v13.Panel,
  Type,
  Options,
  v13.DataQuery,
  v13.FieldConfigSource,
  Custom
>;

/** A dashboard of Grafana 11. */
export type Dashboard11 = Json<
  Omit<v11.Dashboard, "panels"> & {
    panels: (
      | v11.RowPanel
      | Panel11<"stat", stat11.Options>
      | Panel11<"table", table11.Options, table11.FieldConfig>
      | Panel11<"timeseries", series11.Options, series11.FieldConfig>
      | Panel11<"state-timeline", timeline11.Options, timeline11.FieldConfig>
    )[];
  }
>;

/** A dashboard of Grafana 13. */
export type Dashboard13 = Json<
  Omit<v13.Dashboard, "panels"> & {
    panels: (
      | v13.RowPanel
      | Panel13<"stat", stat13.Options>
      | Panel13<"table", table13.Options, table13.FieldConfig>
      | Panel13<"timeseries", series13.Options, series13.FieldConfig>
      | Panel13<"state-timeline", timeline13.Options, timeline13.FieldConfig>
    )[];
  }
>;
