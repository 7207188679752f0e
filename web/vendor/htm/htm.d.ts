declare const htm: { bind(create: unknown): (strings: TemplateStringsArray, ...values: unknown[]) => unknown };
export default htm;
