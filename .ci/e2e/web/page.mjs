export async function page (test) {}
