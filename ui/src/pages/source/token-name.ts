import type { Token } from "../../api/types";

/** Enough of a token's id to tell it from its neighbours. */
export function tokenName(token: Pick<Token, "id">): string {
  return token.id.length > 12 ? `…${token.id.slice(-8)}` : token.id;
}
