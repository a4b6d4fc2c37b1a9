export async function trust (test) {}
