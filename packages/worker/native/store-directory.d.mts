export function storeDirectory(): string;
