// Written by `npm run client:types` from the routes of the API.

export interface paths {
    "/api/v1/balance/adjust": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Record signed changes of balances, all or none
         * @description Permission `ledger.write`. Scope of a key: `ledger:write`. Role of a person: `admin`.
         */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description Stands for operation_id in the body, with sequence 0 */
                    "idempotency-key"?: string;
                };
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        /**
                         * @description The caller's id of what he does, known for ever. The same request under the same id is answered as it was the first time, and nothing is done twice; another request under it is refused. Where it is left out, one is made up, and the request sent again is done again
                         * @example daily_rewards_20241215
                         */
                        operation_id?: string;
                        /** @description Tells apart the writes of one operation, where it has several: together with `operation_id` it is the key. 0 unless named */
                        sequence?: number;
                        /**
                         * @description The caller's label of a business batch
                         * @example daily_rewards_20241215
                         */
                        batch_id?: string;
                        /**
                         * @description How urgently the change wants to be on the chain: `high` and `urgent` are settled at once
                         * @default normal
                         * @enum {string}
                         */
                        priority?: "low" | "normal" | "high" | "urgent";
                        /** @description All or none, decided in this order */
                        adjustments: {
                            /**
                             * @description The app's own opaque identifier
                             * @example user_123
                             */
                            user_id: string;
                            /**
                             * @description The symbol of a registered token
                             * @example CPOP
                             */
                            token_symbol: string;
                            /**
                             * @description The chain's id, as EIP-155 has it. Where it is left out, a write means the symbol's default token, and a read all of them
                             * @example 31337
                             */
                            chain_id?: number;
                            /**
                             * @description Token units, exact; the sign is explicit
                             * @example +1000.0
                             */
                            amount: string;
                            /**
                             * @description A registered reason: `GET /reasons` lists them
                             * @example reward
                             */
                            reason_type: string;
                            /** @description The reason in free words. Erasable */
                            reason_detail?: string;
                            /** @description Whatever else the caller wants to have with the change, under the names that the reason allows. Erasable */
                            metadata?: {
                                [key: string]: unknown;
                            };
                        }[];
                    };
                };
            };
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 200;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                operation_id: string;
                                sequence: number;
                                /** @enum {string} */
                                status: "recorded";
                                adjustments_count: number;
                                /**
                                 * @description Position of the last event
                                 * @example 184467
                                 */
                                position: string;
                                transactions: {
                                    tx_id: string;
                                    user_id: string;
                                    /** @example 1000.000000000000000000 */
                                    amount: string;
                                    /** @enum {string} */
                                    status: "pending";
                                }[];
                                balances: {
                                    user_id: string;
                                    token_symbol: string;
                                    /** @example 1000.000000000000000000 */
                                    balance_before: string;
                                    /** @example 1000.000000000000000000 */
                                    balance_after: string;
                                    /**
                                     * @description Signed: all of the account that is not on chain yet
                                     * @example 1000.000000000000000000
                                     */
                                    pending_sync: string;
                                }[];
                                blockchain_sync: {
                                    /** @enum {string} */
                                    status: "pending";
                                    /** @description false: goes to the chain at once */
                                    will_be_batched: boolean;
                                    /** @description Recipients that wait, as last measured, of 20,000 changes at most; null while nobody takes changes in */
                                    current_batch_size: number | null;
                                    optimal_batch_size: number | null;
                                    /**
                                     * @description ISO 8601 duration until the change is sealed at the latest
                                     * @example PT5M
                                     */
                                    estimated_sync_time: string | null;
                                    /** @enum {string|null} */
                                    next_trigger: "size" | "max_wait_time" | "priority" | null;
                                };
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/assets/adjust": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Record signed changes of balances, all or none, with a say in their business type and their batch
         * @description Permission `ledger.write`. Scope of a key: `ledger:write`. Role of a person: `admin`.
         */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description Stands for operation_id in the body, with sequence 0 */
                    "idempotency-key"?: string;
                };
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        /**
                         * @description The caller's id of what he does, known for ever. The same request under the same id is answered as it was the first time, and nothing is done twice; another request under it is refused. Where it is left out, one is made up, and the request sent again is done again
                         * @example daily_rewards_20241215
                         */
                        operation_id?: string;
                        /** @description Tells apart the writes of one operation, where it has several: together with `operation_id` it is the key. 0 unless named */
                        sequence?: number;
                        /**
                         * @description The caller's label of a business batch
                         * @example daily_rewards_20241215
                         */
                        batch_id?: string;
                        /**
                         * @description When the changes want to be on the chain
                         * @default {
                         *       "priority": "normal",
                         *       "force_immediate": false
                         *     }
                         */
                        batch_preference?: {
                            /**
                             * @description How urgently the change wants to be on the chain: `high` and `urgent` are settled at once
                             * @default normal
                             * @enum {string}
                             */
                            priority?: "low" | "normal" | "high" | "urgent";
                            /**
                             * @description May only shorten the wait that the token's batch strategy allows
                             * @example 15m
                             */
                            max_wait_time?: string;
                            /**
                             * @description `true`: settled without waiting for others
                             * @default false
                             */
                            force_immediate?: boolean;
                        };
                        /** @description All or none, decided in this order */
                        adjustments: {
                            /**
                             * @description The app's own opaque identifier
                             * @example user_123
                             */
                            user_id: string;
                            /**
                             * @description The symbol of a registered token
                             * @example CPOP
                             */
                            token_symbol: string;
                            /**
                             * @description The chain's id, as EIP-155 has it. Where it is left out, a write means the symbol's default token, and a read all of them
                             * @example 31337
                             */
                            chain_id?: number;
                            /**
                             * @description Token units, exact; the sign is explicit
                             * @example +1000.0
                             */
                            amount: string;
                            /**
                             * @description A registered reason: `GET /reasons` lists them
                             * @example reward
                             */
                            reason_type: string;
                            /** @description The reason in free words. Erasable */
                            reason_detail?: string;
                            /** @description Whatever else the caller wants to have with the change, under the names that the reason allows. Erasable */
                            metadata?: {
                                [key: string]: unknown;
                            };
                            /**
                             * @description That of the reason, unless named
                             * @enum {string}
                             */
                            business_type?: "transfer" | "reward" | "gas_fee" | "consumption" | "refund" | "mint" | "burn" | "adjustment" | "deposit" | "withdrawal";
                        }[];
                    };
                };
            };
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 200;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                operation_id: string;
                                sequence: number;
                                /** @enum {string} */
                                status: "recorded";
                                adjustments_count: number;
                                /**
                                 * @description Position of the last event
                                 * @example 184467
                                 */
                                position: string;
                                transactions: {
                                    tx_id: string;
                                    user_id: string;
                                    /** @example 1000.000000000000000000 */
                                    amount: string;
                                    /** @enum {string} */
                                    status: "pending";
                                    /**
                                     * @description Right after this one
                                     * @example 1000.000000000000000000
                                     */
                                    balance_after: string;
                                    /**
                                     * @description ISO 8601 duration until the change is sealed at the latest
                                     * @example PT5M
                                     */
                                    sync_estimate: string | null;
                                }[];
                                balances: {
                                    user_id: string;
                                    token_symbol: string;
                                    /** @example 1000.000000000000000000 */
                                    balance_before: string;
                                    /** @example 1000.000000000000000000 */
                                    balance_after: string;
                                    /**
                                     * @description Signed: all of the account that is not on chain yet
                                     * @example 1000.000000000000000000
                                     */
                                    pending_sync: string;
                                }[];
                                blockchain_sync: {
                                    /** @enum {string} */
                                    status: "pending";
                                    /** @description false: goes to the chain at once */
                                    will_be_batched: boolean;
                                    /** @description Recipients that wait, as last measured, of 20,000 changes at most; null while nobody takes changes in */
                                    current_batch_size: number | null;
                                    optimal_batch_size: number | null;
                                    /**
                                     * @description ISO 8601 duration until the change is sealed at the latest
                                     * @example PT5M
                                     */
                                    estimated_sync_time: string | null;
                                    /** @enum {string|null} */
                                    next_trigger: "size" | "max_wait_time" | "priority" | null;
                                };
                                processed_count: number;
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/rewards/distribute": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Credit the rewards of one activity, all or none
         * @description Permission `ledger.write`. Scope of a key: `ledger:write`. Role of a person: `admin`.
         */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description Stands for operation_id in the body, with sequence 0 */
                    "idempotency-key"?: string;
                };
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        /**
                         * @description The caller's id of what he does, known for ever. The same request under the same id is answered as it was the first time, and nothing is done twice; another request under it is refused. Where it is left out, one is made up, and the request sent again is done again
                         * @example daily_rewards_20241215
                         */
                        operation_id?: string;
                        /** @description Tells apart the writes of one operation, where it has several: together with `operation_id` it is the key. 0 unless named */
                        sequence?: number;
                        /**
                         * @description The caller's label of a business batch
                         * @example daily_rewards_20241215
                         */
                        batch_id?: string;
                        /**
                         * @description How urgently the change wants to be on the chain: `high` and `urgent` are settled at once
                         * @default normal
                         * @enum {string}
                         */
                        priority?: "low" | "normal" | "high" | "urgent";
                        /** @description What is given out */
                        reward_batch: {
                            /** @description The caller's name of what the reward is for */
                            activity_id: string;
                            /** @description Also the reason, where one of this name is registered; otherwise that is `reward` */
                            reward_type: string;
                            /**
                             * @description The symbol of a registered token
                             * @example CPOP
                             */
                            token_symbol: string;
                            /**
                             * @description The chain's id, as EIP-155 has it. Where it is left out, a write means the symbol's default token, and a read all of them
                             * @example 31337
                             */
                            chain_id?: number;
                        };
                        /** @description All or none, decided in this order */
                        recipients: {
                            /**
                             * @description The app's own opaque identifier
                             * @example user_123
                             */
                            user_id: string;
                            /**
                             * @description Token units, exact; without a sign: the route names the direction
                             * @example 12.5
                             */
                            amount: string;
                            /** @description The caller's name of the recipient's level */
                            tier?: string;
                        }[];
                    };
                };
            };
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 200;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                operation_id: string;
                                sequence: number;
                                /** @enum {string} */
                                status: "recorded";
                                adjustments_count: number;
                                /**
                                 * @description Position of the last event
                                 * @example 184467
                                 */
                                position: string;
                                transactions: {
                                    tx_id: string;
                                    user_id: string;
                                    /** @example 1000.000000000000000000 */
                                    amount: string;
                                    /** @enum {string} */
                                    status: "pending";
                                }[];
                                balances: {
                                    user_id: string;
                                    token_symbol: string;
                                    /** @example 1000.000000000000000000 */
                                    balance_before: string;
                                    /** @example 1000.000000000000000000 */
                                    balance_after: string;
                                    /**
                                     * @description Signed: all of the account that is not on chain yet
                                     * @example 1000.000000000000000000
                                     */
                                    pending_sync: string;
                                }[];
                                blockchain_sync: {
                                    /** @enum {string} */
                                    status: "pending";
                                    /** @description false: goes to the chain at once */
                                    will_be_batched: boolean;
                                    /** @description Recipients that wait, as last measured, of 20,000 changes at most; null while nobody takes changes in */
                                    current_batch_size: number | null;
                                    optimal_batch_size: number | null;
                                    /**
                                     * @description ISO 8601 duration until the change is sealed at the latest
                                     * @example PT5M
                                     */
                                    estimated_sync_time: string | null;
                                    /** @enum {string|null} */
                                    next_trigger: "size" | "max_wait_time" | "priority" | null;
                                };
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/consumption/deduct": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Debit what users pay for one service, all or none
         * @description Permission `ledger.write`. Scope of a key: `ledger:write`. Role of a person: `admin`.
         */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description Stands for operation_id in the body, with sequence 0 */
                    "idempotency-key"?: string;
                };
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        /**
                         * @description The caller's id of what he does, known for ever. The same request under the same id is answered as it was the first time, and nothing is done twice; another request under it is refused. Where it is left out, one is made up, and the request sent again is done again
                         * @example daily_rewards_20241215
                         */
                        operation_id?: string;
                        /** @description Tells apart the writes of one operation, where it has several: together with `operation_id` it is the key. 0 unless named */
                        sequence?: number;
                        /**
                         * @description The caller's label of a business batch
                         * @example daily_rewards_20241215
                         */
                        batch_id?: string;
                        /**
                         * @description How urgently the change wants to be on the chain: `high` and `urgent` are settled at once
                         * @default normal
                         * @enum {string}
                         */
                        priority?: "low" | "normal" | "high" | "urgent";
                        /** @description What is paid for */
                        consumption: {
                            /** @description Also the reason, where one of this name is registered; otherwise that is `consumption` */
                            service_type: string;
                            /** @description The caller's id of what was used */
                            service_id: string;
                            /**
                             * @description The symbol of a registered token
                             * @example CPOP
                             */
                            token_symbol: string;
                            /**
                             * @description The chain's id, as EIP-155 has it. Where it is left out, a write means the symbol's default token, and a read all of them
                             * @example 31337
                             */
                            chain_id?: number;
                        };
                        /** @description All or none, decided in this order */
                        deductions: {
                            /**
                             * @description The app's own opaque identifier
                             * @example user_123
                             */
                            user_id: string;
                            /**
                             * @description Token units, exact; without a sign: the route names the direction
                             * @example 12.5
                             */
                            amount: string;
                            /** @description What is paid for, in free words: the change's `reason_detail`. Erasable */
                            reason?: string;
                        }[];
                    };
                };
            };
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 200;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                operation_id: string;
                                sequence: number;
                                /** @enum {string} */
                                status: "recorded";
                                adjustments_count: number;
                                /**
                                 * @description Position of the last event
                                 * @example 184467
                                 */
                                position: string;
                                transactions: {
                                    tx_id: string;
                                    user_id: string;
                                    /** @example 1000.000000000000000000 */
                                    amount: string;
                                    /** @enum {string} */
                                    status: "pending";
                                }[];
                                balances: {
                                    user_id: string;
                                    token_symbol: string;
                                    /** @example 1000.000000000000000000 */
                                    balance_before: string;
                                    /** @example 1000.000000000000000000 */
                                    balance_after: string;
                                    /**
                                     * @description Signed: all of the account that is not on chain yet
                                     * @example 1000.000000000000000000
                                     */
                                    pending_sync: string;
                                }[];
                                blockchain_sync: {
                                    /** @enum {string} */
                                    status: "pending";
                                    /** @description false: goes to the chain at once */
                                    will_be_batched: boolean;
                                    /** @description Recipients that wait, as last measured, of 20,000 changes at most; null while nobody takes changes in */
                                    current_batch_size: number | null;
                                    optimal_batch_size: number | null;
                                    /**
                                     * @description ISO 8601 duration until the change is sealed at the latest
                                     * @example PT5M
                                     */
                                    estimated_sync_time: string | null;
                                    /** @enum {string|null} */
                                    next_trigger: "size" | "max_wait_time" | "priority" | null;
                                };
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/balance/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A user's balances, one entry a token
         * @description Permission `ledger.read`. Scope of a key: `ledger:read`. Role of a person: `admin` or `operator` or `auditor` or `analyst`.
         */
        get: {
            parameters: {
                query?: {
                    /** @description The symbol of a registered token */
                    token_symbol?: string;
                    /** @description The chain's id, as EIP-155 has it. Where it is left out, a write means the symbol's default token, and a read all of them */
                    chain_id?: number;
                    /** @description true: also asks the chain, and reports its figure beside the ledger's */
                    realtime?: "true" | "false";
                    /** @description The balances as they were: the position of an event, or an ISO 8601 time */
                    at?: string;
                    /** @description Only these fields of `data` */
                    fields?: ("user_id" | "at" | "at.position" | "at.time" | "balances" | "balances.token_symbol" | "balances.chain_id" | "balances.confirmed_balance" | "balances.pending_balance" | "balances.pending_changes" | "balances.locked_balance" | "balances.available_balance" | "balances.sync_status" | "balances.sync_error" | "balances.last_sync_time" | "balances.next_sync_estimate" | "balances.source" | "balances.is_realtime" | "balances.sync_lag" | "balances.head_lag" | "balances.chain_balance" | "balances.chain_block_number" | "balances.chain_confirmation")[];
                };
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description The `ETag` of what the caller has: 304 says that nothing has changed */
                    "if-none-match"?: string;
                };
                path: {
                    /**
                     * @description The app's own opaque identifier
                     * @example user_123
                     */
                    user_id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 200;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                user_id: string;
                                /** @description Only with `at`: the last event that counts, and when it was recorded; null before the first */
                                at?: {
                                    position: string;
                                    /**
                                     * Format: date-time
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    time: string | null;
                                };
                                balances: {
                                    token_symbol: string;
                                    chain_id: number;
                                    /**
                                     * @description On chain, final
                                     * @example 1000.000000000000000000
                                     */
                                    confirmed_balance: string;
                                    /**
                                     * @description Confirmed and every change that is not on chain yet
                                     * @example 1000.000000000000000000
                                     */
                                    pending_balance: string;
                                    /**
                                     * @description Signed
                                     * @example 1000.000000000000000000
                                     */
                                    pending_changes: string;
                                    /**
                                     * @description Holds and outgoing transfers
                                     * @example 1000.000000000000000000
                                     */
                                    locked_balance: string;
                                    /**
                                     * @description Pending without locked: what can be spent now
                                     * @example 1000.000000000000000000
                                     */
                                    available_balance: string;
                                    /**
                                     * @description Where its settlement stands now; null of a past balance, and where too much would have to be read to know
                                     * @enum {string|null}
                                     */
                                    sync_status: "synced" | "pending" | "syncing" | "error" | null;
                                    sync_error: string | null;
                                    /**
                                     * Format: date-time
                                     * @description When the confirmed figure last moved
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    last_sync_time: string | null;
                                    /**
                                     * Format: date-time
                                     * @description When what waits is sealed at the latest
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    next_sync_estimate: string | null;
                                    /** @enum {string} */
                                    source: "cache" | "database" | "blockchain";
                                    is_realtime: boolean;
                                    /** @description Age of the confirmed figure in seconds */
                                    sync_lag: number | null;
                                    /** @description Blocks between the chain's head and the last one that is in the ledger */
                                    head_lag: number | null;
                                    /**
                                     * @description balanceOf at the chain's head; only realtime
                                     * @example 1000.000000000000000000
                                     */
                                    chain_balance?: string;
                                    /** @description The block of chain_balance; only realtime */
                                    chain_block_number?: number;
                                    /** @description Blocks by which the confirmed figure is older than chain_balance; only realtime */
                                    chain_confirmation?: number | null;
                                }[];
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/balance/{user_id}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What changed a user's balances, newest first
         * @description Permission `ledger.read`. Scope of a key: `ledger:read`. Role of a person: `admin` or `operator` or `auditor` or `analyst`.
         */
        get: {
            parameters: {
                query?: {
                    /**
                     * @description The symbol of a registered token
                     * @example CPOP
                     */
                    token_symbol?: string;
                    /** @description The chain's id, as EIP-155 has it. Where it is left out, a write means the symbol's default token, and a read all of them */
                    chain_id?: number;
                    /** @description A registered reason: `GET /reasons` lists them */
                    reason_type?: string;
                    /** @description Only those in this state */
                    status?: "pending" | "batching" | "submitted" | "confirmed" | "failed" | "reversed" | "discarded";
                    /** @description Recorded at or after */
                    from_date?: string;
                    /** @description Recorded before */
                    to_date?: string;
                    /**
                     * @description Rows of a page
                     * @example 2
                     */
                    limit?: number;
                    /** @description `pagination.next_cursor` of the previous page */
                    cursor?: string;
                    /** @description Only these fields of `data` */
                    fields?: ("user_id" | "token_symbol" | "history" | "history.tx_id" | "history.operation_id" | "history.timestamp" | "history.token_symbol" | "history.chain_id" | "history.amount" | "history.balance_before" | "history.balance_after" | "history.reason_type" | "history.reason_detail" | "history.business_type" | "history.sync_status" | "history.settled_by" | "history.reverses" | "history.reversed_by" | "history.hold_id" | "history.blockchain_tx" | "history.block_number" | "history.batch_id" | "history.metadata" | "history.details_redacted" | "pagination" | "pagination.limit" | "pagination.next_cursor" | "pagination.has_more")[];
                };
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description The `ETag` of what the caller has: 304 says that nothing has changed */
                    "if-none-match"?: string;
                };
                path: {
                    /**
                     * @description The app's own opaque identifier
                     * @example user_123
                     */
                    user_id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 200;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                user_id: string;
                                token_symbol: string | null;
                                history: {
                                    tx_id: string;
                                    operation_id: string | null;
                                    /**
                                     * Format: date-time
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    timestamp: string;
                                    token_symbol: string;
                                    chain_id: number;
                                    /** @example 1000.000000000000000000 */
                                    amount: string;
                                    /** @example 1000.000000000000000000 */
                                    balance_before: string;
                                    /** @example 1000.000000000000000000 */
                                    balance_after: string;
                                    reason_type: string;
                                    reason_detail: string | null;
                                    business_type: string;
                                    /** @enum {string} */
                                    sync_status: "pending" | "batching" | "submitted" | "confirmed" | "failed" | "reversed" | "discarded";
                                    /** @enum {string|null} */
                                    settled_by: "batch" | "netting" | "chain" | null;
                                    /** @description tx_id of what this one takes back */
                                    reverses: string | null;
                                    /** @description tx_id of what took this one back */
                                    reversed_by: string | null;
                                    /** @description The hold that this one captures */
                                    hold_id: string | null;
                                    /** @example 0xabababababababababababababababababababababababababababababababab */
                                    blockchain_tx: string | null;
                                    block_number: number | null;
                                    batch_id: string | null;
                                    metadata: {
                                        [key: string]: unknown;
                                    } | null;
                                    /** @description Whether reason_detail and metadata were erased */
                                    details_redacted: boolean;
                                }[];
                                pagination: {
                                    limit: number;
                                    next_cursor: string | null;
                                    has_more: boolean;
                                };
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{user_id}/assets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Every balance that the ledger has of a user
         * @description Permission `ledger.read`. Scope of a key: `ledger:read`. Role of a person: `admin` or `operator` or `auditor` or `analyst`.
         */
        get: {
            parameters: {
                query?: {
                    /** @description The symbol of a registered token */
                    token_symbol?: string;
                    /** @description The chain's id, as EIP-155 has it. Where it is left out, a write means the symbol's default token, and a read all of them */
                    chain_id?: number;
                    /** @description false: leaves out what is not on the chain yet */
                    include_pending?: "true" | "false";
                    /** @description Only these fields of `data` */
                    fields?: ("user_id" | "total_value_usd" | "last_updated" | "assets" | "assets.token_symbol" | "assets.chain_id" | "assets.confirmed_balance" | "assets.locked_balance" | "assets.available_balance" | "assets.sync_status" | "assets.sync_error" | "assets.last_sync_time" | "assets.next_sync_estimate" | "assets.sync_lag" | "assets.head_lag" | "assets.chain_name" | "assets.token_name" | "assets.token_address" | "assets.decimals" | "assets.pending_balance" | "assets.pending_changes" | "assets.balance_usd")[];
                };
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description The `ETag` of what the caller has: 304 says that nothing has changed */
                    "if-none-match"?: string;
                };
                path: {
                    /**
                     * @description The app's own opaque identifier
                     * @example user_123
                     */
                    user_id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 200;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                user_id: string;
                                total_value_usd: null;
                                /**
                                 * Format: date-time
                                 * @description When one of these balances last changed
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                last_updated: string | null;
                                assets: {
                                    token_symbol: string;
                                    chain_id: number;
                                    /**
                                     * @description On chain, final
                                     * @example 1000.000000000000000000
                                     */
                                    confirmed_balance: string;
                                    /**
                                     * @description Holds and outgoing transfers
                                     * @example 1000.000000000000000000
                                     */
                                    locked_balance: string;
                                    /**
                                     * @description Pending without locked: what can be spent now
                                     * @example 1000.000000000000000000
                                     */
                                    available_balance: string;
                                    /**
                                     * @description Where its settlement stands now; null of a past balance, and where too much would have to be read to know
                                     * @enum {string|null}
                                     */
                                    sync_status: "synced" | "pending" | "syncing" | "error" | null;
                                    sync_error: string | null;
                                    /**
                                     * Format: date-time
                                     * @description When the confirmed figure last moved
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    last_sync_time: string | null;
                                    /**
                                     * Format: date-time
                                     * @description When what waits is sealed at the latest
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    next_sync_estimate: string | null;
                                    /** @description Age of the confirmed figure in seconds */
                                    sync_lag: number | null;
                                    /** @description Blocks between the chain's head and the last one that is in the ledger */
                                    head_lag: number | null;
                                    chain_name: string;
                                    token_name: string;
                                    token_address: string;
                                    decimals: number;
                                    /**
                                     * @description Confirmed and every change that is not on chain yet
                                     * @example 1000.000000000000000000
                                     */
                                    pending_balance?: string;
                                    /**
                                     * @description Signed
                                     * @example 1000.000000000000000000
                                     */
                                    pending_changes?: string;
                                    balance_usd: null;
                                }[];
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{user_id}/transactions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Everything that was recorded for a user, newest first, with its fate on the chain
         * @description Permission `ledger.read`. Scope of a key: `ledger:read`. Role of a person: `admin` or `operator` or `auditor` or `analyst`.
         */
        get: {
            parameters: {
                query?: {
                    /** @description The chain's id, as EIP-155 has it. Where it is left out, a write means the symbol's default token, and a read all of them */
                    chain_id?: number;
                    /** @description Only changes of this kind */
                    business_type?: "transfer" | "reward" | "gas_fee" | "consumption" | "refund" | "mint" | "burn" | "adjustment" | "deposit" | "withdrawal";
                    /** @description Only those in this state */
                    status?: "pending" | "batching" | "submitted" | "confirmed" | "failed" | "reversed" | "discarded";
                    /**
                     * @description Rows of a page
                     * @example 2
                     */
                    limit?: number;
                    /** @description `pagination.next_cursor` of the previous page */
                    cursor?: string;
                    /** @description Only these fields of `data` */
                    fields?: ("user_id" | "transactions" | "transactions.transaction_id" | "transactions.tx_id" | "transactions.operation_id" | "transactions.sequence" | "transactions.business_batch_id" | "transactions.user_id" | "transactions.token_symbol" | "transactions.chain_id" | "transactions.amount" | "transactions.balance_before" | "transactions.balance_after" | "transactions.status" | "transactions.settled_by" | "transactions.reverses" | "transactions.reversed_by" | "transactions.hold_id" | "transactions.tx_hash" | "transactions.block_number" | "transactions.confirmations" | "transactions.timestamp" | "transactions.confirmed_at" | "transactions.gas_used" | "transactions.gas_shared_by" | "transactions.gas_fee" | "transactions.gas_fee_usd" | "transactions.explorer_url" | "transactions.batch_id" | "transactions.reason_type" | "transactions.reason_detail" | "transactions.business_type" | "transactions.metadata" | "transactions.details_redacted" | "pagination" | "pagination.limit" | "pagination.next_cursor" | "pagination.has_more")[];
                };
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description The `ETag` of what the caller has: 304 says that nothing has changed */
                    "if-none-match"?: string;
                };
                path: {
                    /**
                     * @description The app's own opaque identifier
                     * @example user_123
                     */
                    user_id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 200;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                user_id: string;
                                transactions: {
                                    transaction_id: string;
                                    tx_id: string;
                                    operation_id: string | null;
                                    sequence: number | null;
                                    business_batch_id: string | null;
                                    user_id: string;
                                    token_symbol: string;
                                    chain_id: number;
                                    /** @example 1000.000000000000000000 */
                                    amount: string;
                                    /** @example 1000.000000000000000000 */
                                    balance_before: string;
                                    /** @example 1000.000000000000000000 */
                                    balance_after: string;
                                    /** @enum {string} */
                                    status: "pending" | "batching" | "submitted" | "confirmed" | "failed" | "reversed" | "discarded";
                                    /** @enum {string|null} */
                                    settled_by: "batch" | "netting" | "chain" | null;
                                    /** @description tx_id of what this one takes back */
                                    reverses: string | null;
                                    /** @description tx_id of what took this one back */
                                    reversed_by: string | null;
                                    /** @description The hold that this one captures */
                                    hold_id: string | null;
                                    /** @example 0xabababababababababababababababababababababababababababababababab */
                                    tx_hash: string | null;
                                    block_number: number | null;
                                    confirmations: number | null;
                                    /**
                                     * Format: date-time
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    timestamp: string;
                                    /**
                                     * Format: date-time
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    confirmed_at: string | null;
                                    /** @description Of the whole chain transaction */
                                    gas_used: number | null;
                                    /** @description Recipients of that transaction */
                                    gas_shared_by: number | null;
                                    /**
                                     * @description Of the whole chain transaction, in native coin
                                     * @example 1000.000000000000000000
                                     */
                                    gas_fee: string | null;
                                    gas_fee_usd: null;
                                    explorer_url: string | null;
                                    batch_id: string | null;
                                    reason_type: string;
                                    reason_detail: string | null;
                                    business_type: string;
                                    metadata: {
                                        [key: string]: unknown;
                                    } | null;
                                    /** @description Whether reason_detail and metadata were erased */
                                    details_redacted: boolean;
                                }[];
                                pagination: {
                                    limit: number;
                                    next_cursor: string | null;
                                    has_more: boolean;
                                };
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/transactions/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What the ledger recorded for a user and what happened to his addresses on the chains, newest first
         * @description Permission `ledger.read`. Scope of a key: `ledger:read`. Role of a person: `admin` or `operator` or `auditor` or `analyst`.
         */
        get: {
            parameters: {
                query?: {
                    /** @description The chain's id, as EIP-155 has it. Where it is left out, a write means the symbol's default token, and a read all of them */
                    chain_id?: number;
                    /** @description The symbol of a registered token */
                    token_symbol?: string;
                    /** @description Only those in this state */
                    status?: "pending" | "batching" | "submitted" | "confirmed" | "failed" | "reversed" | "discarded";
                    /** @description At or after */
                    from_date?: string;
                    /** @description Before */
                    to_date?: string;
                    /** @description true: also the transfers by which batches brought rows of the ledger to the chain */
                    include_internal?: "true" | "false";
                    /** @description The logs of transfers on the chain, with their arguments; unless false */
                    decode_logs?: "true" | "false";
                    /**
                     * @description Rows of a page
                     * @example 2
                     */
                    limit?: number;
                    /** @description `pagination.page_key` of the previous page */
                    page_key?: string;
                    /** @description Only these fields of `data` */
                    fields?: ("user_id" | "data_source" | "transactions" | "transactions.operation_id" | "transactions.token_symbol" | "transactions.chain_id" | "transactions.amount" | "transactions.status" | "transactions.tx_hash" | "transactions.block_number" | "transactions.confirmations" | "transactions.gas_fee" | "transactions.gas_fee_usd" | "transactions.timestamp" | "transactions.explorer_url" | "transactions.batch_id" | "transactions.metadata" | "transactions.source" | "transactions.transaction_id" | "transactions.type" | "transactions.asset_type" | "transactions.chain_name" | "transactions.from_address" | "transactions.to_address" | "transactions.reason_type" | "transactions.reason_detail" | "transactions.log_index" | "transactions.log_events" | "transactions.log_events.event" | "transactions.log_events.contract" | "transactions.log_events.from" | "transactions.log_events.to" | "transactions.log_events.value" | "pagination" | "pagination.limit" | "pagination.page_key" | "pagination.has_more")[];
                };
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description The `ETag` of what the caller has: 304 says that nothing has changed */
                    "if-none-match"?: string;
                };
                path: {
                    /**
                     * @description The app's own opaque identifier
                     * @example user_123
                     */
                    user_id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 200;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                user_id: string;
                                /**
                                 * @description `ledger`: the indexer cannot be read now, or has nothing of the chains yet
                                 * @enum {string}
                                 */
                                data_source: "ledger" | "ledger_and_indexer";
                                transactions: {
                                    operation_id: string | null;
                                    token_symbol: string;
                                    chain_id: number;
                                    /** @example 1000.000000000000000000 */
                                    amount: string;
                                    /** @enum {string} */
                                    status: "pending" | "batching" | "submitted" | "confirmed" | "failed" | "reversed" | "discarded";
                                    /** @example 0xabababababababababababababababababababababababababababababababab */
                                    tx_hash: string | null;
                                    block_number: number | null;
                                    confirmations: number | null;
                                    /**
                                     * @description Of the whole chain transaction, in native coin
                                     * @example 1000.000000000000000000
                                     */
                                    gas_fee: string | null;
                                    gas_fee_usd: null;
                                    /**
                                     * Format: date-time
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    timestamp: string;
                                    explorer_url: string | null;
                                    batch_id: string | null;
                                    metadata: {
                                        [key: string]: unknown;
                                    } | null;
                                    /** @enum {string} */
                                    source: "ledger" | "chain";
                                    /** @description Of a ledger row */
                                    transaction_id: string | null;
                                    /** @description Of a ledger row its `business_type`; of a transfer `transfer_in`, `transfer_out`, `mint`, `burn`, or `settlement` where a batch brought ledger rows to the chain */
                                    type: string;
                                    /** @enum {string} */
                                    asset_type: "ERC20";
                                    chain_name: string;
                                    /** @example 0xabababababababababababababababababababab */
                                    from_address: string | null;
                                    /** @example 0xabababababababababababababababababababab */
                                    to_address: string | null;
                                    reason_type: string | null;
                                    reason_detail: string | null;
                                    log_index: number | null;
                                    /** @description Of a transfer on the chain, unless `decode_logs=false` */
                                    log_events: {
                                        /** @enum {string} */
                                        event: "Transfer";
                                        /** @example 0xabababababababababababababababababababab */
                                        contract: string;
                                        /** @example 0xabababababababababababababababababababab */
                                        from: string;
                                        /** @example 0xabababababababababababababababababababab */
                                        to: string;
                                        /**
                                         * @description Base units
                                         * @example 1000000
                                         */
                                        value: string;
                                    }[] | null;
                                }[];
                                pagination: {
                                    limit: number;
                                    page_key: string | null;
                                    has_more: boolean;
                                };
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/balance/{user_id}/holds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A user's open holds, newest first
         * @description Permission `ledger.read`. Scope of a key: `ledger:read`. Role of a person: `admin` or `operator` or `auditor` or `analyst`.
         */
        get: {
            parameters: {
                query?: {
                    /** @description The symbol of a registered token */
                    token_symbol?: string;
                    /** @description The chain's id, as EIP-155 has it. Where it is left out, a write means the symbol's default token, and a read all of them */
                    chain_id?: number;
                    /** @description Rows of a page */
                    limit?: number;
                    /** @description `pagination.next_cursor` of the previous page */
                    cursor?: string;
                    /** @description Only these fields of `data` */
                    fields?: ("user_id" | "holds" | "holds.hold_id" | "holds.operation_id" | "holds.sequence" | "holds.user_id" | "holds.token_symbol" | "holds.chain_id" | "holds.status" | "holds.amount" | "holds.captured_amount" | "holds.reason_type" | "holds.reason_detail" | "holds.metadata" | "holds.details_redacted" | "holds.placed_at" | "holds.expires_at" | "holds.ended_at" | "holds.tx_id" | "pagination" | "pagination.limit" | "pagination.next_cursor" | "pagination.has_more")[];
                };
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description The `ETag` of what the caller has: 304 says that nothing has changed */
                    "if-none-match"?: string;
                };
                path: {
                    /**
                     * @description The app's own opaque identifier
                     * @example user_123
                     */
                    user_id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 200;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                user_id: string;
                                holds: {
                                    hold_id: string;
                                    operation_id: string;
                                    sequence: number;
                                    user_id: string;
                                    token_symbol: string;
                                    chain_id: number;
                                    /** @enum {string} */
                                    status: "open" | "captured" | "released" | "expired";
                                    /**
                                     * @description What was held when it was placed
                                     * @example 1000.000000000000000000
                                     */
                                    amount: string;
                                    /** @example 1000.000000000000000000 */
                                    captured_amount: string;
                                    reason_type: string;
                                    reason_detail: string | null;
                                    metadata: {
                                        [key: string]: unknown;
                                    } | null;
                                    details_redacted: boolean;
                                    /**
                                     * Format: date-time
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    placed_at: string;
                                    /**
                                     * Format: date-time
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    expires_at: string;
                                    /**
                                     * Format: date-time
                                     * @description null while the money is held: for a moment also of a hold whose time is over
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    ended_at: string | null;
                                    /** @description The capture */
                                    tx_id: string | null;
                                }[];
                                pagination: {
                                    limit: number;
                                    next_cursor: string | null;
                                    has_more: boolean;
                                };
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/balance/holds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Keep an amount back for a later capture
         * @description Permission `ledger.write`. Scope of a key: `ledger:write`. Role of a person: `admin`.
         */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description Stands for operation_id in the body, with sequence 0 */
                    "idempotency-key"?: string;
                };
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        /**
                         * @description The caller's id of what he does, known for ever. The same request under the same id is answered as it was the first time, and nothing is done twice; another request under it is refused. Where it is left out, one is made up, and the request sent again is done again
                         * @example daily_rewards_20241215
                         */
                        operation_id?: string;
                        /** @description Tells apart the writes of one operation, where it has several: together with `operation_id` it is the key. 0 unless named */
                        sequence?: number;
                        /**
                         * @description How urgently the change wants to be on the chain: `high` and `urgent` are settled at once
                         * @default normal
                         * @enum {string}
                         */
                        priority?: "low" | "normal" | "high" | "urgent";
                        /**
                         * @description The caller's label of a business batch
                         * @example daily_rewards_20241215
                         */
                        batch_id?: string;
                        /**
                         * @description The app's own opaque identifier
                         * @example user_123
                         */
                        user_id: string;
                        /**
                         * @description The symbol of a registered token
                         * @example CPOP
                         */
                        token_symbol: string;
                        /**
                         * @description The chain's id, as EIP-155 has it. Where it is left out, a write means the symbol's default token, and a read all of them
                         * @example 31337
                         */
                        chain_id?: number;
                        /**
                         * @description Token units, exact; without a sign: the route names the direction
                         * @example 12.5
                         */
                        amount: string;
                        /**
                         * @description A registered reason: `GET /reasons` lists them
                         * @example reward
                         */
                        reason_type: string;
                        /** @description The reason in free words. Erasable */
                        reason_detail?: string;
                        /** @description Whatever else the caller wants to have with the change, under the names that the reason allows. Erasable */
                        metadata?: {
                            [key: string]: unknown;
                        };
                        /** @description Seconds from its recording on; the configuration's default, unless given */
                        expires_in?: number;
                        /**
                         * Format: date-time
                         * @description Instead of expires_in
                         */
                        expires_at?: string;
                    };
                };
            };
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 200;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                operation_id: string;
                                sequence: number;
                                hold_id: string;
                                /** @example 184467 */
                                position: string;
                                user_id: string;
                                token_symbol: string;
                                chain_id: number;
                                /**
                                 * @description What was held when it was placed
                                 * @example 1000.000000000000000000
                                 */
                                amount: string;
                                /**
                                 * @description The user's, after this
                                 * @example 1000.000000000000000000
                                 */
                                balance: string;
                                /** @example 1000.000000000000000000 */
                                locked_balance: string;
                                /** @example 1000.000000000000000000 */
                                available_balance: string;
                                /** @enum {string} */
                                status: "open";
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                expires_at: string;
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/balance/holds/{hold_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One hold, open or ended
         * @description Permission `ledger.read`. Scope of a key: `ledger:read`. Role of a person: `admin` or `operator` or `auditor` or `analyst`.
         */
        get: {
            parameters: {
                query?: {
                    /** @description Only these fields of `data` */
                    fields?: ("hold_id" | "operation_id" | "sequence" | "user_id" | "token_symbol" | "chain_id" | "status" | "amount" | "captured_amount" | "reason_type" | "reason_detail" | "metadata" | "details_redacted" | "placed_at" | "expires_at" | "ended_at" | "tx_id")[];
                };
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description The `ETag` of what the caller has: 304 says that nothing has changed */
                    "if-none-match"?: string;
                };
                path: {
                    /**
                     * @description As `POST /balance/holds` answered it
                     * @example hold_EjRWeBI0VngSNFZ4EjRWeAAAAAAAAt01
                     */
                    hold_id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 200;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                hold_id: string;
                                operation_id: string;
                                sequence: number;
                                user_id: string;
                                token_symbol: string;
                                chain_id: number;
                                /** @enum {string} */
                                status: "open" | "captured" | "released" | "expired";
                                /**
                                 * @description What was held when it was placed
                                 * @example 1000.000000000000000000
                                 */
                                amount: string;
                                /** @example 1000.000000000000000000 */
                                captured_amount: string;
                                reason_type: string;
                                reason_detail: string | null;
                                metadata: {
                                    [key: string]: unknown;
                                } | null;
                                details_redacted: boolean;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                placed_at: string;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                expires_at: string;
                                /**
                                 * Format: date-time
                                 * @description null while the money is held: for a moment also of a hold whose time is over
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                ended_at: string | null;
                                /** @description The capture */
                                tx_id: string | null;
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/balance/holds/{hold_id}/capture": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take all or part of a hold; the rest can be spent again
         * @description Permission `ledger.write`. Scope of a key: `ledger:write`. Role of a person: `admin`.
         */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description Stands for operation_id in the body, with sequence 0 */
                    "idempotency-key"?: string;
                };
                path: {
                    /**
                     * @description As `POST /balance/holds` answered it
                     * @example hold_EjRWeBI0VngSNFZ4EjRWeAAAAAAAAt03
                     */
                    hold_id: string;
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": {
                        /**
                         * @description The caller's id of what he does, known for ever. The same request under the same id is answered as it was the first time, and nothing is done twice; another request under it is refused. Where it is left out, one is made up, and the request sent again is done again
                         * @example daily_rewards_20241215
                         */
                        operation_id?: string;
                        /** @description Tells apart the writes of one operation, where it has several: together with `operation_id` it is the key. 0 unless named */
                        sequence?: number;
                        /**
                         * @description All of it, unless given; the rest is released
                         * @example 12.5
                         */
                        amount?: string;
                        /** @description The reason in free words. Erasable */
                        reason_detail?: string;
                        /** @description Whatever else the caller wants to have with the change, under the names that the reason allows. Erasable */
                        metadata?: {
                            [key: string]: unknown;
                        };
                    };
                };
            };
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 200;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                operation_id: string;
                                sequence: number;
                                hold_id: string;
                                /** @example 184467 */
                                position: string;
                                user_id: string;
                                token_symbol: string;
                                chain_id: number;
                                /**
                                 * @description What was held when it was placed
                                 * @example 1000.000000000000000000
                                 */
                                amount: string;
                                /**
                                 * @description The user's, after this
                                 * @example 1000.000000000000000000
                                 */
                                balance: string;
                                /** @example 1000.000000000000000000 */
                                locked_balance: string;
                                /** @example 1000.000000000000000000 */
                                available_balance: string;
                                /** @enum {string} */
                                status: "captured";
                                tx_id: string;
                                /** @example 1000.000000000000000000 */
                                captured_amount: string;
                                /** @example 1000.000000000000000000 */
                                released_amount: string;
                                blockchain_sync: {
                                    /** @enum {string} */
                                    status: "pending";
                                    /** @description false: goes to the chain at once */
                                    will_be_batched: boolean;
                                    /** @description Recipients that wait, as last measured, of 20,000 changes at most; null while nobody takes changes in */
                                    current_batch_size: number | null;
                                    optimal_batch_size: number | null;
                                    /**
                                     * @description ISO 8601 duration until the change is sealed at the latest
                                     * @example PT5M
                                     */
                                    estimated_sync_time: string | null;
                                    /** @enum {string|null} */
                                    next_trigger: "size" | "max_wait_time" | "priority" | null;
                                };
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/balance/holds/{hold_id}/release": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give all of a hold back
         * @description Permission `ledger.write`. Scope of a key: `ledger:write`. Role of a person: `admin`.
         */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description Stands for operation_id in the body, with sequence 0 */
                    "idempotency-key"?: string;
                };
                path: {
                    /**
                     * @description As `POST /balance/holds` answered it
                     * @example hold_EjRWeBI0VngSNFZ4EjRWeAAAAAAAAt04
                     */
                    hold_id: string;
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": {
                        /**
                         * @description The caller's id of what he does, known for ever. The same request under the same id is answered as it was the first time, and nothing is done twice; another request under it is refused. Where it is left out, one is made up, and the request sent again is done again
                         * @example daily_rewards_20241215
                         */
                        operation_id?: string;
                        /** @description Tells apart the writes of one operation, where it has several: together with `operation_id` it is the key. 0 unless named */
                        sequence?: number;
                    };
                };
            };
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 200;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                operation_id: string;
                                sequence: number;
                                hold_id: string;
                                /** @example 184467 */
                                position: string;
                                user_id: string;
                                token_symbol: string;
                                chain_id: number;
                                /**
                                 * @description What was held when it was placed
                                 * @example 1000.000000000000000000
                                 */
                                amount: string;
                                /**
                                 * @description The user's, after this
                                 * @example 1000.000000000000000000
                                 */
                                balance: string;
                                /** @example 1000.000000000000000000 */
                                locked_balance: string;
                                /** @example 1000.000000000000000000 */
                                available_balance: string;
                                /** @enum {string} */
                                status: "released";
                                /** @example 1000.000000000000000000 */
                                released_amount: string;
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/adjustments/{tx_id}/reverse": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take an adjustment back by its opposite, once only
         * @description Permission `ledger.write`. Scope of a key: `ledger:write`. Role of a person: `admin`.
         */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description Stands for operation_id in the body, with sequence 0 */
                    "idempotency-key"?: string;
                };
                path: {
                    /**
                     * @description As the answer that recorded the change named it
                     * @example tx_EjRWeBI0VngSNFZ4EjRWeAAAAAAAAt07
                     */
                    tx_id: string;
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": {
                        /**
                         * @description The caller's id of what he does, known for ever. The same request under the same id is answered as it was the first time, and nothing is done twice; another request under it is refused. Where it is left out, one is made up, and the request sent again is done again
                         * @example daily_rewards_20241215
                         */
                        operation_id?: string;
                        /** @description Tells apart the writes of one operation, where it has several: together with `operation_id` it is the key. 0 unless named */
                        sequence?: number;
                        /** @description The reason in free words. Erasable */
                        reason_detail?: string;
                        /** @description Whatever else the caller wants to have with the change, under the names that the reason allows. Erasable */
                        metadata?: {
                            [key: string]: unknown;
                        };
                    };
                };
            };
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 200;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                operation_id: string;
                                sequence: number;
                                /** @enum {string} */
                                status: "recorded";
                                adjustments_count: number;
                                /**
                                 * @description Position of the last event
                                 * @example 184467
                                 */
                                position: string;
                                transactions: {
                                    tx_id: string;
                                    user_id: string;
                                    /** @example 1000.000000000000000000 */
                                    amount: string;
                                    /** @enum {string} */
                                    status: "pending";
                                }[];
                                balances: {
                                    user_id: string;
                                    token_symbol: string;
                                    /** @example 1000.000000000000000000 */
                                    balance_before: string;
                                    /** @example 1000.000000000000000000 */
                                    balance_after: string;
                                    /**
                                     * @description Signed: all of the account that is not on chain yet
                                     * @example 1000.000000000000000000
                                     */
                                    pending_sync: string;
                                }[];
                                blockchain_sync: {
                                    /** @enum {string} */
                                    status: "pending";
                                    /** @description false: goes to the chain at once */
                                    will_be_batched: boolean;
                                    /** @description Recipients that wait, as last measured, of 20,000 changes at most; null while nobody takes changes in */
                                    current_batch_size: number | null;
                                    optimal_batch_size: number | null;
                                    /**
                                     * @description ISO 8601 duration until the change is sealed at the latest
                                     * @example PT5M
                                     */
                                    estimated_sync_time: string | null;
                                    /** @enum {string|null} */
                                    next_trigger: "size" | "max_wait_time" | "priority" | null;
                                };
                                /** @description tx_id of what was taken back */
                                reverses: string;
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/operations/{operation_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One operation with the fate of each of its adjustments
         * @description Permission `ledger.read`. Scope of a key: `ledger:read`. Role of a person: `admin` or `operator` or `auditor` or `analyst`.
         */
        get: {
            parameters: {
                query?: {
                    /** @description Tells apart the writes of one operation, where it has several: together with `operation_id` it is the key. 0 unless named */
                    sequence?: number;
                    /** @description Rows of a page */
                    limit?: number;
                    /** @description `pagination.next_cursor` of the previous page */
                    cursor?: string;
                    /** @description Only these fields of `data` */
                    fields?: ("operation_id" | "sequence" | "status" | "recorded_at" | "position" | "adjustments_count" | "status_counts" | "transactions" | "transactions.tx_id" | "transactions.operation_id" | "transactions.user_id" | "transactions.token_symbol" | "transactions.chain_id" | "transactions.amount" | "transactions.balance_after" | "transactions.reason_type" | "transactions.status" | "transactions.settled_by" | "transactions.reverses" | "transactions.reversed_by" | "transactions.hold_id" | "transactions.blockchain_tx" | "transactions.block_number" | "transactions.batch_id" | "transactions.recorded_at" | "pagination" | "pagination.limit" | "pagination.next_cursor" | "pagination.has_more")[];
                };
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description The `ETag` of what the caller has: 304 says that nothing has changed */
                    "if-none-match"?: string;
                };
                path: {
                    /**
                     * @description The caller's id of what he does, known for ever. The same request under the same id is answered as it was the first time, and nothing is done twice; another request under it is refused. Where it is left out, one is made up, and the request sent again is done again
                     * @example daily_rewards_20241215
                     */
                    operation_id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 200;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                operation_id: string;
                                sequence: number;
                                /** @enum {string} */
                                status: "recorded" | "partly_confirmed" | "confirmed" | "attention";
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                recorded_at: string;
                                position: string;
                                adjustments_count: number;
                                /** @description Adjustments by status */
                                status_counts: {
                                    [key: string]: number;
                                };
                                transactions: {
                                    tx_id: string;
                                    operation_id: string | null;
                                    user_id: string;
                                    token_symbol: string;
                                    chain_id: number;
                                    /** @example 1000.000000000000000000 */
                                    amount: string;
                                    /** @example 1000.000000000000000000 */
                                    balance_after: string;
                                    reason_type: string;
                                    /** @enum {string} */
                                    status: "pending" | "batching" | "submitted" | "confirmed" | "failed" | "reversed" | "discarded";
                                    /** @enum {string|null} */
                                    settled_by: "batch" | "netting" | "chain" | null;
                                    /** @description tx_id of what this one takes back */
                                    reverses: string | null;
                                    /** @description tx_id of what took this one back */
                                    reversed_by: string | null;
                                    /** @description The hold that this one captures */
                                    hold_id: string | null;
                                    /** @example 0xabababababababababababababababababababababababababababababababab */
                                    blockchain_tx: string | null;
                                    block_number: number | null;
                                    batch_id: string | null;
                                    /**
                                     * Format: date-time
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    recorded_at: string;
                                }[];
                                pagination: {
                                    limit: number;
                                    next_cursor: string | null;
                                    has_more: boolean;
                                };
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/transaction/{transaction_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One adjustment, deposit or withdrawal: status, hash, confirmations, gas, batch
         * @description Permission `ledger.read`. Scope of a key: `ledger:read`. Role of a person: `admin` or `operator` or `auditor` or `analyst`.
         */
        get: {
            parameters: {
                query?: {
                    /** @description Only these fields of `data` */
                    fields?: ("transaction_id" | "tx_id" | "operation_id" | "sequence" | "business_batch_id" | "user_id" | "token_symbol" | "chain_id" | "amount" | "balance_before" | "balance_after" | "status" | "settled_by" | "reverses" | "reversed_by" | "hold_id" | "tx_hash" | "block_number" | "confirmations" | "timestamp" | "confirmed_at" | "gas_used" | "gas_shared_by" | "gas_fee" | "gas_fee_usd" | "explorer_url" | "batch_id" | "reason_type" | "reason_detail" | "business_type" | "metadata" | "details_redacted")[];
                };
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description The `ETag` of what the caller has: 304 says that nothing has changed */
                    "if-none-match"?: string;
                };
                path: {
                    /**
                     * @description The `tx_id` of a change
                     * @example tx_EjRWeBI0VngSNFZ4EjRWeAAAAAAAAt09
                     */
                    transaction_id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 200;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                transaction_id: string;
                                tx_id: string;
                                operation_id: string | null;
                                sequence: number | null;
                                business_batch_id: string | null;
                                user_id: string;
                                token_symbol: string;
                                chain_id: number;
                                /** @example 1000.000000000000000000 */
                                amount: string;
                                /** @example 1000.000000000000000000 */
                                balance_before: string;
                                /** @example 1000.000000000000000000 */
                                balance_after: string;
                                /** @enum {string} */
                                status: "pending" | "batching" | "submitted" | "confirmed" | "failed" | "reversed" | "discarded";
                                /** @enum {string|null} */
                                settled_by: "batch" | "netting" | "chain" | null;
                                /** @description tx_id of what this one takes back */
                                reverses: string | null;
                                /** @description tx_id of what took this one back */
                                reversed_by: string | null;
                                /** @description The hold that this one captures */
                                hold_id: string | null;
                                /** @example 0xabababababababababababababababababababababababababababababababab */
                                tx_hash: string | null;
                                block_number: number | null;
                                confirmations: number | null;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                timestamp: string;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                confirmed_at: string | null;
                                /** @description Of the whole chain transaction */
                                gas_used: number | null;
                                /** @description Recipients of that transaction */
                                gas_shared_by: number | null;
                                /**
                                 * @description Of the whole chain transaction, in native coin
                                 * @example 1000.000000000000000000
                                 */
                                gas_fee: string | null;
                                gas_fee_usd: null;
                                explorer_url: string | null;
                                batch_id: string | null;
                                reason_type: string;
                                reason_detail: string | null;
                                business_type: string;
                                metadata: {
                                    [key: string]: unknown;
                                } | null;
                                /** @description Whether reason_detail and metadata were erased */
                                details_redacted: boolean;
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/imports": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Record a file of adjustments or opening balances, one a line
         * @description Permission `imports.create`. Scope of a key: `ledger:write`. Role of a person: `admin`.
         */
        post: {
            parameters: {
                query?: {
                    /**
                     * @description Names the import; without it the content does, so that the same file twice is one import
                     * @example opening_20241215
                     */
                    operation_id?: string;
                    /**
                     * @description For people to recognise it by
                     * @example opening.csv
                     */
                    file_name?: string;
                    /** @description Of lines that name no token */
                    token_symbol?: string;
                    /** @description Of lines that name no chain */
                    chain_id?: number;
                    /** @description Of lines that name no reason */
                    reason_type?: string;
                };
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description Stands for operation_id in the body, with sequence 0 */
                    "idempotency-key"?: string;
                };
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    /**
                     * @example user_id,token_symbol,amount,reason_type
                     *     user_123,CPOP,+10,reward
                     */
                    "text/csv": string;
                    /**
                     * @example user_id,token_symbol,amount,reason_type
                     *     user_123,CPOP,+10,reward
                     */
                    "application/x-ndjson": string;
                };
            };
            responses: {
                /** @description The answer */
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 202;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                import_id: string;
                                /** @description Lines without an operation_id of their own are recorded under it, with their line number as the sequence */
                                operation_id: string;
                                /** @enum {string} */
                                state: "received" | "running" | "finished" | "failed" | "abandoned";
                                /** @enum {string} */
                                format: "csv" | "ndjson";
                                file_name: string | null;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                received_at: string;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                started_at: string | null;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                finished_at: string | null;
                                bytes: {
                                    total: number;
                                    done: number;
                                };
                                lines: {
                                    /** @description Lines that are settled: applied, replayed and refused */
                                    done: number;
                                    /** @description Recorded by this import */
                                    applied: number;
                                    /** @description Recorded before, under the operation_id that the line names */
                                    replayed: number;
                                    /** @description Not recorded; GET /imports/{import_id}/refused says why */
                                    refused: number;
                                };
                                /** @description Why it failed; the same file sent again has it go on */
                                error: string | null;
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/imports/{import_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How far an import is: lines applied, replayed and refused
         * @description Permission `imports.read`. Scope of a key: `ledger:read`. Role of a person: `admin` or `operator` or `auditor` or `analyst`.
         */
        get: {
            parameters: {
                query?: {
                    /** @description Only these fields of `data` */
                    fields?: ("import_id" | "operation_id" | "state" | "format" | "file_name" | "received_at" | "started_at" | "finished_at" | "bytes" | "bytes.total" | "bytes.done" | "lines" | "lines.done" | "lines.applied" | "lines.replayed" | "lines.refused" | "error")[];
                };
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description The `ETag` of what the caller has: 304 says that nothing has changed */
                    "if-none-match"?: string;
                };
                path: {
                    /**
                     * @description As `POST /imports` answered it
                     * @example 0193c5e0-0000-7000-8000-000000000008
                     */
                    import_id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 200;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                import_id: string;
                                /** @description Lines without an operation_id of their own are recorded under it, with their line number as the sequence */
                                operation_id: string;
                                /** @enum {string} */
                                state: "received" | "running" | "finished" | "failed" | "abandoned";
                                /** @enum {string} */
                                format: "csv" | "ndjson";
                                file_name: string | null;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                received_at: string;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                started_at: string | null;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                finished_at: string | null;
                                bytes: {
                                    total: number;
                                    done: number;
                                };
                                lines: {
                                    /** @description Lines that are settled: applied, replayed and refused */
                                    done: number;
                                    /** @description Recorded by this import */
                                    applied: number;
                                    /** @description Recorded before, under the operation_id that the line names */
                                    replayed: number;
                                    /** @description Not recorded; GET /imports/{import_id}/refused says why */
                                    refused: number;
                                };
                                /** @description Why it failed; the same file sent again has it go on */
                                error: string | null;
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/imports/{import_id}/refused": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The lines of an import that were refused, with their numbers and reasons, as NDJSON or CSV
         * @description Permission `imports.read`. Scope of a key: `ledger:read`. Role of a person: `admin` or `operator` or `auditor` or `analyst`.
         */
        get: {
            parameters: {
                query?: {
                    /** @description How the lines are written */
                    format?: "ndjson" | "csv";
                };
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                };
                path: {
                    /**
                     * @description As `POST /imports` answered it
                     * @example 0193c5e0-0000-7000-8000-000000000008
                     */
                    import_id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description One line each: `line`, `code`, `field`, `message` */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/x-ndjson": string;
                        "text/csv": string;
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/imports/{import_id}/abandon": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give up an import that has failed, and clear its alarm; what is recorded stays
         * @description Permission `imports.abandon`. Scope of a key: `ledger:write`. Role of a person: `admin` or `operator`.
         */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description Stands for operation_id in the body, with sequence 0 */
                    "idempotency-key"?: string;
                };
                path: {
                    /**
                     * @description As `POST /imports` answered it
                     * @example 0193c5e0-0000-7000-8000-000000000009
                     */
                    import_id: string;
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": {
                        /**
                         * @description A key of the caller's choice, known for ever. The same request under the same key is answered as it was the first time, and nothing is done twice; another request under it is refused. Without one, the request sent again is done again
                         * @example the-shops-webhook
                         */
                        operation_id?: string;
                        /** @description Tells apart the writes of one operation, where it has several: together with `operation_id` it is the key. 0 unless named */
                        sequence?: number;
                    };
                };
            };
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 200;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                import_id: string;
                                /** @description Lines without an operation_id of their own are recorded under it, with their line number as the sequence */
                                operation_id: string;
                                /** @enum {string} */
                                state: "received" | "running" | "finished" | "failed" | "abandoned";
                                /** @enum {string} */
                                format: "csv" | "ndjson";
                                file_name: string | null;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                received_at: string;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                started_at: string | null;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                finished_at: string | null;
                                bytes: {
                                    total: number;
                                    done: number;
                                };
                                lines: {
                                    /** @description Lines that are settled: applied, replayed and refused */
                                    done: number;
                                    /** @description Recorded by this import */
                                    applied: number;
                                    /** @description Recorded before, under the operation_id that the line names */
                                    replayed: number;
                                    /** @description Not recorded; GET /imports/{import_id}/refused says why */
                                    refused: number;
                                };
                                /** @description Why it failed; the same file sent again has it go on */
                                error: string | null;
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Everything that happens to balances, as Server-Sent Events that resume without a gap or a repeat
         * @description Permission `ledger.read`. Scope of a key: `ledger:read`. Role of a person: `admin` or `operator` or `auditor` or `analyst`.
         */
        get: {
            parameters: {
                query?: {
                    /** @description The app's own opaque identifier */
                    user_id?: string;
                    /** @description The symbol of a registered token */
                    token_symbol?: string;
                    /** @description The chain's id, as EIP-155 has it. Where it is left out, a write means the symbol's default token, and a read all of them */
                    chain_id?: number;
                    /** @description Only events of these types, separated by commas */
                    types?: string;
                    /**
                     * @description Begin behind this position; without it and without `Last-Event-ID` with what happens from now on
                     * @example 0
                     */
                    after?: string;
                };
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description As `after`, and counts before it: clients send it when they connect again */
                    "last-event-id"?: string;
                };
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description `id` is the position, `event` the type, `data` the event in JSON; without a type it is a heartbeat */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "text/event-stream": {
                            /**
                             * @description Its position
                             * @example 184467
                             */
                            id: string;
                            /** @enum {string} */
                            event?: "account.opened" | "balance.adjusted" | "balance.reversed" | "hold.placed" | "hold.captured" | "hold.released" | "hold.expired" | "settlement.sealed" | "settlement.netted" | "settlement.confirmed" | "settlement.deferred" | "settlement.dissolved" | "settlement.cancelled" | "settlement.discarded" | "deposit.observed" | "withdrawal.observed" | "confirmation.revoked" | "details.redacted" | "checkpoint.anchored";
                            /** @description The event in JSON */
                            data?: string;
                            retry?: number;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/ws": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The same events over WebSocket, several subscriptions to a connection
         * @description Permission `ledger.read`. Scope of a key: `ledger:read`. Role of a person: `admin` or `operator` or `auditor` or `analyst`.
         */
        get: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                };
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description 101, and then JSON messages: `subscribe` and `unsubscribe` from the client, `subscribed`, `event`, `heartbeat` and `error` from the server; see docs/live-updates.md */
                101: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The app's webhooks, newest first
         * @description Permission `webhooks.read`. Scope of a key: `ledger:read` or `webhooks:write`. Role of a person: `admin` or `operator` or `auditor` or `analyst`.
         */
        get: {
            parameters: {
                query?: {
                    /** @description Rows of a page */
                    limit?: number;
                    /** @description `pagination.next_cursor` of the previous page */
                    cursor?: string;
                    /** @description Only these fields of `data` */
                    fields?: ("webhooks" | "webhooks.webhook_id" | "webhooks.url" | "webhooks.description" | "webhooks.types" | "webhooks.user_id" | "webhooks.token_symbol" | "webhooks.chain_id" | "webhooks.is_enabled" | "webhooks.status" | "webhooks.disabled_because" | "webhooks.disabled_at" | "webhooks.position" | "webhooks.head" | "webhooks.undelivered_since" | "webhooks.failing_since" | "webhooks.next_attempt_at" | "webhooks.dead_letters" | "webhooks.secrets" | "webhooks.secrets.created_at" | "webhooks.secrets.expires_at" | "webhooks.created_at" | "pagination" | "pagination.limit" | "pagination.next_cursor" | "pagination.has_more")[];
                };
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description The `ETag` of what the caller has: 304 says that nothing has changed */
                    "if-none-match"?: string;
                };
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 200;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                webhooks: {
                                    webhook_id: string;
                                    url: string;
                                    description: string;
                                    types: string[] | null;
                                    user_id: string | null;
                                    token_symbol: string | null;
                                    chain_id: number | null;
                                    is_enabled: boolean;
                                    /**
                                     * @description `failing`: its last attempt was not answered with a 2xx, or could not be made
                                     * @enum {string}
                                     */
                                    status: "healthy" | "failing" | "disabled";
                                    /**
                                     * @description `gone`: its receiver answered 410; `failing`: it has only failed for too long
                                     * @enum {string|null}
                                     */
                                    disabled_because: "request" | "gone" | "failing" | null;
                                    /**
                                     * Format: date-time
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    disabled_at: string | null;
                                    /**
                                     * @description Every event up to here is dealt with
                                     * @example 184467
                                     */
                                    position: string;
                                    /**
                                     * @description Where the log ends
                                     * @example 184467
                                     */
                                    head: string;
                                    /**
                                     * Format: date-time
                                     * @description When the first event behind `position` was recorded
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    undelivered_since: string | null;
                                    /**
                                     * Format: date-time
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    failing_since: string | null;
                                    /**
                                     * Format: date-time
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    next_attempt_at: string | null;
                                    /** @description Deliveries that were given up */
                                    dead_letters: number;
                                    /** @description What signs now, newest first; the secrets themselves are shown once, when they are made */
                                    secrets: {
                                        /**
                                         * Format: date-time
                                         * @example 2024-12-15T10:30:00.000Z
                                         */
                                        created_at: string;
                                        /**
                                         * Format: date-time
                                         * @example 2024-12-15T10:30:00.000Z
                                         */
                                        expires_at: string | null;
                                    }[];
                                    /**
                                     * Format: date-time
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    created_at: string;
                                }[];
                                pagination: {
                                    limit: number;
                                    next_cursor: string | null;
                                    has_more: boolean;
                                };
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        put?: never;
        /**
         * Have events sent to an address; the secret that they are signed with is shown this once
         * @description Permission `webhooks.manage`. Scope of a key: `webhooks:write`. Role of a person: `admin` or `operator`.
         */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description Stands for operation_id in the body, with sequence 0 */
                    "idempotency-key"?: string;
                };
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        /**
                         * Format: uri
                         * @description Where events are posted to
                         * @example https://backend.example/webhooks
                         */
                        url: string;
                        /**
                         * @description For people to recognise it by
                         * @default
                         * @example balances of the shop
                         */
                        description?: string;
                        /**
                         * @description null: all of them
                         * @default null
                         */
                        types?: ("account.opened" | "balance.adjusted" | "balance.reversed" | "hold.placed" | "hold.captured" | "hold.released" | "hold.expired" | "settlement.sealed" | "settlement.netted" | "settlement.confirmed" | "settlement.deferred" | "settlement.dissolved" | "settlement.cancelled" | "settlement.discarded" | "deposit.observed" | "withdrawal.observed" | "confirmation.revoked" | "details.redacted" | "checkpoint.anchored")[] | null;
                        /**
                         * @description Only what is about this user; null: every user
                         * @default null
                         * @example user_123
                         */
                        user_id?: string | null;
                        /**
                         * @description Only this token; null: every token
                         * @default null
                         * @example CPOP
                         */
                        token_symbol?: string | null;
                        /**
                         * @description Only this chain; null: every chain
                         * @default null
                         * @example 31337
                         */
                        chain_id?: number | null;
                        /**
                         * @description Whether anything is delivered
                         * @default true
                         */
                        is_enabled?: boolean;
                        /**
                         * @description Begins behind this position; with what happens from now on, unless given
                         * @example 184467
                         */
                        after?: string;
                        /**
                         * @description A key of the caller's choice, known for ever. The same request under the same key is answered as it was the first time, and nothing is done twice; another request under it is refused. Without one, the request sent again is done again
                         * @example the-shops-webhook
                         */
                        operation_id?: string;
                        /** @description Tells apart the writes of one operation, where it has several: together with `operation_id` it is the key. 0 unless named */
                        sequence?: number;
                    };
                };
            };
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 200;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                webhook_id: string;
                                url: string;
                                description: string;
                                types: string[] | null;
                                user_id: string | null;
                                token_symbol: string | null;
                                chain_id: number | null;
                                is_enabled: boolean;
                                /**
                                 * @description `failing`: its last attempt was not answered with a 2xx, or could not be made
                                 * @enum {string}
                                 */
                                status: "healthy" | "failing" | "disabled";
                                /**
                                 * @description `gone`: its receiver answered 410; `failing`: it has only failed for too long
                                 * @enum {string|null}
                                 */
                                disabled_because: "request" | "gone" | "failing" | null;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                disabled_at: string | null;
                                /**
                                 * @description Every event up to here is dealt with
                                 * @example 184467
                                 */
                                position: string;
                                /**
                                 * @description Where the log ends
                                 * @example 184467
                                 */
                                head: string;
                                /**
                                 * Format: date-time
                                 * @description When the first event behind `position` was recorded
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                undelivered_since: string | null;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                failing_since: string | null;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                next_attempt_at: string | null;
                                /** @description Deliveries that were given up */
                                dead_letters: number;
                                /** @description What signs now, newest first; the secrets themselves are shown once, when they are made */
                                secrets: {
                                    /**
                                     * Format: date-time
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    created_at: string;
                                    /**
                                     * Format: date-time
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    expires_at: string | null;
                                }[];
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                created_at: string;
                                /**
                                 * @description Shown this once
                                 * @example whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw5TmFi9kq4fY=
                                 */
                                secret: string;
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/{webhook_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A webhook: how far it has got, and whether it fails
         * @description Permission `webhooks.read`. Scope of a key: `ledger:read` or `webhooks:write`. Role of a person: `admin` or `operator` or `auditor` or `analyst`.
         */
        get: {
            parameters: {
                query?: {
                    /** @description Only these fields of `data` */
                    fields?: ("webhook_id" | "url" | "description" | "types" | "user_id" | "token_symbol" | "chain_id" | "is_enabled" | "status" | "disabled_because" | "disabled_at" | "position" | "head" | "undelivered_since" | "failing_since" | "next_attempt_at" | "dead_letters" | "secrets" | "secrets.created_at" | "secrets.expires_at" | "created_at")[];
                };
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description The `ETag` of what the caller has: 304 says that nothing has changed */
                    "if-none-match"?: string;
                };
                path: {
                    /**
                     * @description As `GET /webhooks` lists it
                     * @example 0193c5e0-0000-7000-8000-000000000022
                     */
                    webhook_id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 200;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                webhook_id: string;
                                url: string;
                                description: string;
                                types: string[] | null;
                                user_id: string | null;
                                token_symbol: string | null;
                                chain_id: number | null;
                                is_enabled: boolean;
                                /**
                                 * @description `failing`: its last attempt was not answered with a 2xx, or could not be made
                                 * @enum {string}
                                 */
                                status: "healthy" | "failing" | "disabled";
                                /**
                                 * @description `gone`: its receiver answered 410; `failing`: it has only failed for too long
                                 * @enum {string|null}
                                 */
                                disabled_because: "request" | "gone" | "failing" | null;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                disabled_at: string | null;
                                /**
                                 * @description Every event up to here is dealt with
                                 * @example 184467
                                 */
                                position: string;
                                /**
                                 * @description Where the log ends
                                 * @example 184467
                                 */
                                head: string;
                                /**
                                 * Format: date-time
                                 * @description When the first event behind `position` was recorded
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                undelivered_since: string | null;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                failing_since: string | null;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                next_attempt_at: string | null;
                                /** @description Deliveries that were given up */
                                dead_letters: number;
                                /** @description What signs now, newest first; the secrets themselves are shown once, when they are made */
                                secrets: {
                                    /**
                                     * Format: date-time
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    created_at: string;
                                    /**
                                     * Format: date-time
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    expires_at: string | null;
                                }[];
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                created_at: string;
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        /**
         * Delete a webhook with its secrets and its log
         * @description Permission `webhooks.manage`. Scope of a key: `webhooks:write`. Role of a person: `admin` or `operator`.
         */
        delete: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description Stands for operation_id in the body, with sequence 0 */
                    "idempotency-key"?: string;
                };
                path: {
                    /**
                     * @description As `GET /webhooks` lists it
                     * @example 0193c5e0-0000-7000-8000-000000000025
                     */
                    webhook_id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 200;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                webhook_id: string;
                                /** @enum {boolean} */
                                is_deleted: true;
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        options?: never;
        head?: never;
        /**
         * Change what is named of a webhook; enabled again, it goes on where it was
         * @description Permission `webhooks.manage`. Scope of a key: `webhooks:write`. Role of a person: `admin` or `operator`.
         */
        patch: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description Stands for operation_id in the body, with sequence 0 */
                    "idempotency-key"?: string;
                };
                path: {
                    /**
                     * @description As `GET /webhooks` lists it
                     * @example 0193c5e0-0000-7000-8000-000000000024
                     */
                    webhook_id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        /**
                         * Format: uri
                         * @description Where events are posted to
                         * @example https://backend.example/webhooks
                         */
                        url?: string;
                        /**
                         * @description For people to recognise it by
                         * @example balances of the shop
                         */
                        description?: string;
                        /** @description null: all of them */
                        types?: ("account.opened" | "balance.adjusted" | "balance.reversed" | "hold.placed" | "hold.captured" | "hold.released" | "hold.expired" | "settlement.sealed" | "settlement.netted" | "settlement.confirmed" | "settlement.deferred" | "settlement.dissolved" | "settlement.cancelled" | "settlement.discarded" | "deposit.observed" | "withdrawal.observed" | "confirmation.revoked" | "details.redacted" | "checkpoint.anchored")[] | null;
                        /**
                         * @description Only what is about this user; null: every user
                         * @example user_123
                         */
                        user_id?: string | null;
                        /**
                         * @description Only this token; null: every token
                         * @example CPOP
                         */
                        token_symbol?: string | null;
                        /**
                         * @description Only this chain; null: every chain
                         * @example 31337
                         */
                        chain_id?: number | null;
                        /** @description Whether anything is delivered */
                        is_enabled?: boolean;
                        /**
                         * @description A key of the caller's choice, known for ever. The same request under the same key is answered as it was the first time, and nothing is done twice; another request under it is refused. Without one, the request sent again is done again
                         * @example the-shops-webhook
                         */
                        operation_id?: string;
                        /** @description Tells apart the writes of one operation, where it has several: together with `operation_id` it is the key. 0 unless named */
                        sequence?: number;
                    };
                };
            };
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 200;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                webhook_id: string;
                                url: string;
                                description: string;
                                types: string[] | null;
                                user_id: string | null;
                                token_symbol: string | null;
                                chain_id: number | null;
                                is_enabled: boolean;
                                /**
                                 * @description `failing`: its last attempt was not answered with a 2xx, or could not be made
                                 * @enum {string}
                                 */
                                status: "healthy" | "failing" | "disabled";
                                /**
                                 * @description `gone`: its receiver answered 410; `failing`: it has only failed for too long
                                 * @enum {string|null}
                                 */
                                disabled_because: "request" | "gone" | "failing" | null;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                disabled_at: string | null;
                                /**
                                 * @description Every event up to here is dealt with
                                 * @example 184467
                                 */
                                position: string;
                                /**
                                 * @description Where the log ends
                                 * @example 184467
                                 */
                                head: string;
                                /**
                                 * Format: date-time
                                 * @description When the first event behind `position` was recorded
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                undelivered_since: string | null;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                failing_since: string | null;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                next_attempt_at: string | null;
                                /** @description Deliveries that were given up */
                                dead_letters: number;
                                /** @description What signs now, newest first; the secrets themselves are shown once, when they are made */
                                secrets: {
                                    /**
                                     * Format: date-time
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    created_at: string;
                                    /**
                                     * Format: date-time
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    expires_at: string | null;
                                }[];
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                created_at: string;
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        trace?: never;
    };
    "/api/v1/webhooks/{webhook_id}/rotate-secret": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a new secret; for a while the old one signs as well
         * @description Permission `webhooks.manage`. Scope of a key: `webhooks:write`. Role of a person: `admin` or `operator`.
         */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description Stands for operation_id in the body, with sequence 0 */
                    "idempotency-key"?: string;
                };
                path: {
                    /**
                     * @description As `GET /webhooks` lists it
                     * @example 0193c5e0-0000-7000-8000-000000000026
                     */
                    webhook_id: string;
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": {
                        /**
                         * @description For how long the old secret signs as well; a day, unless given
                         * @default 86400
                         */
                        overlap_seconds?: number;
                        /**
                         * @description A key of the caller's choice, known for ever. The same request under the same key is answered as it was the first time, and nothing is done twice; another request under it is refused. Without one, the request sent again is done again
                         * @example the-shops-webhook
                         */
                        operation_id?: string;
                        /** @description Tells apart the writes of one operation, where it has several: together with `operation_id` it is the key. 0 unless named */
                        sequence?: number;
                    };
                };
            };
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 200;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                webhook_id: string;
                                url: string;
                                description: string;
                                types: string[] | null;
                                user_id: string | null;
                                token_symbol: string | null;
                                chain_id: number | null;
                                is_enabled: boolean;
                                /**
                                 * @description `failing`: its last attempt was not answered with a 2xx, or could not be made
                                 * @enum {string}
                                 */
                                status: "healthy" | "failing" | "disabled";
                                /**
                                 * @description `gone`: its receiver answered 410; `failing`: it has only failed for too long
                                 * @enum {string|null}
                                 */
                                disabled_because: "request" | "gone" | "failing" | null;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                disabled_at: string | null;
                                /**
                                 * @description Every event up to here is dealt with
                                 * @example 184467
                                 */
                                position: string;
                                /**
                                 * @description Where the log ends
                                 * @example 184467
                                 */
                                head: string;
                                /**
                                 * Format: date-time
                                 * @description When the first event behind `position` was recorded
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                undelivered_since: string | null;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                failing_since: string | null;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                next_attempt_at: string | null;
                                /** @description Deliveries that were given up */
                                dead_letters: number;
                                /** @description What signs now, newest first; the secrets themselves are shown once, when they are made */
                                secrets: {
                                    /**
                                     * Format: date-time
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    created_at: string;
                                    /**
                                     * Format: date-time
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    expires_at: string | null;
                                }[];
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                created_at: string;
                                /**
                                 * @description Shown this once
                                 * @example whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw5TmFi9kq4fY=
                                 */
                                secret: string;
                                /**
                                 * Format: date-time
                                 * @description The old secret signs as well until then
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                overlap_ends_at: string;
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/{webhook_id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a message of the type webhook.test, once; GET its delivery to see what became of it
         * @description Permission `webhooks.manage`. Scope of a key: `webhooks:write`. Role of a person: `admin` or `operator`.
         */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description Stands for operation_id in the body, with sequence 0 */
                    "idempotency-key"?: string;
                };
                path: {
                    /**
                     * @description As `GET /webhooks` lists it
                     * @example 0193c5e0-0000-7000-8000-000000000027
                     */
                    webhook_id: string;
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": {
                        /**
                         * @description A key of the caller's choice, known for ever. The same request under the same key is answered as it was the first time, and nothing is done twice; another request under it is refused. Without one, the request sent again is done again
                         * @example the-shops-webhook
                         */
                        operation_id?: string;
                        /** @description Tells apart the writes of one operation, where it has several: together with `operation_id` it is the key. 0 unless named */
                        sequence?: number;
                    };
                };
            };
            responses: {
                /** @description The answer */
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 202;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                delivery_id: string;
                                /** @description What the receiver gets as `webhook-id`, at each attempt */
                                message_id: string;
                                /** @description Of the event; null: a test */
                                position: string | null;
                                /** @example balance.adjusted */
                                type: string;
                                /**
                                 * @description `waiting`: a test before its attempt; `dead`: given up; it can be asked for again
                                 * @enum {string}
                                 */
                                status: "waiting" | "retrying" | "succeeded" | "dead";
                                attempts_count: number;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                next_attempt_at: string | null;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                created_at: string;
                                /**
                                 * Format: date-time
                                 * @description When it succeeded or was given up
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                settled_at: string | null;
                                /** @description Newest first; in a list, the last three */
                                attempts: {
                                    attempt: number;
                                    /**
                                     * Format: date-time
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    began_at: string;
                                    duration_ms: number;
                                    /** @description null: there was no answer */
                                    response_status: number | null;
                                    /**
                                     * @description null: it was delivered
                                     * @example TIMEOUT
                                     */
                                    error: string | null;
                                    /** @description Of the answer's body, or what is known of the error */
                                    excerpt: string;
                                    /** @description Somebody asked for it */
                                    is_requested: boolean;
                                }[];
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/{webhook_id}/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Deliver everything behind a position again, in order and with the same message ids
         * @description Permission `webhooks.manage`. Scope of a key: `webhooks:write`. Role of a person: `admin` or `operator`.
         */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description Stands for operation_id in the body, with sequence 0 */
                    "idempotency-key"?: string;
                };
                path: {
                    /**
                     * @description As `GET /webhooks` lists it
                     * @example 0193c5e0-0000-7000-8000-000000000028
                     */
                    webhook_id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        /**
                         * @description What is behind this position is delivered again
                         * @example 184467
                         */
                        after: string;
                        /**
                         * @description A key of the caller's choice, known for ever. The same request under the same key is answered as it was the first time, and nothing is done twice; another request under it is refused. Without one, the request sent again is done again
                         * @example the-shops-webhook
                         */
                        operation_id?: string;
                        /** @description Tells apart the writes of one operation, where it has several: together with `operation_id` it is the key. 0 unless named */
                        sequence?: number;
                    };
                };
            };
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 200;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                webhook_id: string;
                                url: string;
                                description: string;
                                types: string[] | null;
                                user_id: string | null;
                                token_symbol: string | null;
                                chain_id: number | null;
                                is_enabled: boolean;
                                /**
                                 * @description `failing`: its last attempt was not answered with a 2xx, or could not be made
                                 * @enum {string}
                                 */
                                status: "healthy" | "failing" | "disabled";
                                /**
                                 * @description `gone`: its receiver answered 410; `failing`: it has only failed for too long
                                 * @enum {string|null}
                                 */
                                disabled_because: "request" | "gone" | "failing" | null;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                disabled_at: string | null;
                                /**
                                 * @description Every event up to here is dealt with
                                 * @example 184467
                                 */
                                position: string;
                                /**
                                 * @description Where the log ends
                                 * @example 184467
                                 */
                                head: string;
                                /**
                                 * Format: date-time
                                 * @description When the first event behind `position` was recorded
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                undelivered_since: string | null;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                failing_since: string | null;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                next_attempt_at: string | null;
                                /** @description Deliveries that were given up */
                                dead_letters: number;
                                /** @description What signs now, newest first; the secrets themselves are shown once, when they are made */
                                secrets: {
                                    /**
                                     * Format: date-time
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    created_at: string;
                                    /**
                                     * Format: date-time
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    expires_at: string | null;
                                }[];
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                created_at: string;
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/{webhook_id}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What became of a webhook's deliveries, newest first
         * @description Permission `webhooks.read`. Scope of a key: `ledger:read` or `webhooks:write`. Role of a person: `admin` or `operator` or `auditor` or `analyst`.
         */
        get: {
            parameters: {
                query?: {
                    /** @description Only those in this state */
                    status?: "waiting" | "retrying" | "succeeded" | "dead";
                    /**
                     * @description Rows of a page
                     * @example 1
                     */
                    limit?: number;
                    /** @description `pagination.next_cursor` of the previous page */
                    cursor?: string;
                    /** @description Only these fields of `data` */
                    fields?: ("deliveries" | "deliveries.delivery_id" | "deliveries.message_id" | "deliveries.position" | "deliveries.type" | "deliveries.status" | "deliveries.attempts_count" | "deliveries.next_attempt_at" | "deliveries.created_at" | "deliveries.settled_at" | "deliveries.attempts" | "deliveries.attempts.attempt" | "deliveries.attempts.began_at" | "deliveries.attempts.duration_ms" | "deliveries.attempts.response_status" | "deliveries.attempts.error" | "deliveries.attempts.excerpt" | "deliveries.attempts.is_requested" | "pagination" | "pagination.limit" | "pagination.next_cursor" | "pagination.has_more")[];
                };
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description The `ETag` of what the caller has: 304 says that nothing has changed */
                    "if-none-match"?: string;
                };
                path: {
                    /**
                     * @description As `GET /webhooks` lists it
                     * @example 0193c5e0-0000-7000-8000-000000000022
                     */
                    webhook_id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 200;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                deliveries: {
                                    delivery_id: string;
                                    /** @description What the receiver gets as `webhook-id`, at each attempt */
                                    message_id: string;
                                    /** @description Of the event; null: a test */
                                    position: string | null;
                                    /** @example balance.adjusted */
                                    type: string;
                                    /**
                                     * @description `waiting`: a test before its attempt; `dead`: given up; it can be asked for again
                                     * @enum {string}
                                     */
                                    status: "waiting" | "retrying" | "succeeded" | "dead";
                                    attempts_count: number;
                                    /**
                                     * Format: date-time
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    next_attempt_at: string | null;
                                    /**
                                     * Format: date-time
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    created_at: string;
                                    /**
                                     * Format: date-time
                                     * @description When it succeeded or was given up
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    settled_at: string | null;
                                    /** @description Newest first; in a list, the last three */
                                    attempts: {
                                        attempt: number;
                                        /**
                                         * Format: date-time
                                         * @example 2024-12-15T10:30:00.000Z
                                         */
                                        began_at: string;
                                        duration_ms: number;
                                        /** @description null: there was no answer */
                                        response_status: number | null;
                                        /**
                                         * @description null: it was delivered
                                         * @example TIMEOUT
                                         */
                                        error: string | null;
                                        /** @description Of the answer's body, or what is known of the error */
                                        excerpt: string;
                                        /** @description Somebody asked for it */
                                        is_requested: boolean;
                                    }[];
                                }[];
                                pagination: {
                                    limit: number;
                                    next_cursor: string | null;
                                    has_more: boolean;
                                };
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A delivery with its attempts
         * @description Permission `webhooks.read`. Scope of a key: `ledger:read` or `webhooks:write`. Role of a person: `admin` or `operator` or `auditor` or `analyst`.
         */
        get: {
            parameters: {
                query?: {
                    /** @description Only these fields of `data` */
                    fields?: ("delivery_id" | "message_id" | "position" | "type" | "status" | "attempts_count" | "next_attempt_at" | "created_at" | "settled_at" | "attempts" | "attempts.attempt" | "attempts.began_at" | "attempts.duration_ms" | "attempts.response_status" | "attempts.error" | "attempts.excerpt" | "attempts.is_requested")[];
                };
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description The `ETag` of what the caller has: 304 says that nothing has changed */
                    "if-none-match"?: string;
                };
                path: {
                    /**
                     * @description As `GET /webhooks` lists it
                     * @example 0193c5e0-0000-7000-8000-000000000022
                     */
                    webhook_id: string;
                    /**
                     * @description As the webhook's deliveries list it
                     * @example 1
                     */
                    delivery_id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 200;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                delivery_id: string;
                                /** @description What the receiver gets as `webhook-id`, at each attempt */
                                message_id: string;
                                /** @description Of the event; null: a test */
                                position: string | null;
                                /** @example balance.adjusted */
                                type: string;
                                /**
                                 * @description `waiting`: a test before its attempt; `dead`: given up; it can be asked for again
                                 * @enum {string}
                                 */
                                status: "waiting" | "retrying" | "succeeded" | "dead";
                                attempts_count: number;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                next_attempt_at: string | null;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                created_at: string;
                                /**
                                 * Format: date-time
                                 * @description When it succeeded or was given up
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                settled_at: string | null;
                                /** @description Newest first; in a list, the last three */
                                attempts: {
                                    attempt: number;
                                    /**
                                     * Format: date-time
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    began_at: string;
                                    duration_ms: number;
                                    /** @description null: there was no answer */
                                    response_status: number | null;
                                    /**
                                     * @description null: it was delivered
                                     * @example TIMEOUT
                                     */
                                    error: string | null;
                                    /** @description Of the answer's body, or what is known of the error */
                                    excerpt: string;
                                    /** @description Somebody asked for it */
                                    is_requested: boolean;
                                }[];
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Deliver once more, with the same message id; one that is being retried, at once
         * @description Permission `webhooks.manage`. Scope of a key: `webhooks:write`. Role of a person: `admin` or `operator`.
         */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Which app is meant: to be said by a person with a role in several. A key has its own and can name no other */
                    "x-app-id"?: string;
                    /** @description Stands for operation_id in the body, with sequence 0 */
                    "idempotency-key"?: string;
                };
                path: {
                    /**
                     * @description As `GET /webhooks` lists it
                     * @example 0193c5e0-0000-7000-8000-000000000029
                     */
                    webhook_id: string;
                    /**
                     * @description As the webhook's deliveries list it
                     * @example 3
                     */
                    delivery_id: string;
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": {
                        /**
                         * @description A key of the caller's choice, known for ever. The same request under the same key is answered as it was the first time, and nothing is done twice; another request under it is refused. Without one, the request sent again is done again
                         * @example the-shops-webhook
                         */
                        operation_id?: string;
                        /** @description Tells apart the writes of one operation, where it has several: together with `operation_id` it is the key. 0 unless named */
                        sequence?: number;
                    };
                };
            };
            responses: {
                /** @description The answer */
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {number} */
                            code: 202;
                            /** @enum {string} */
                            message: "success";
                            data: {
                                delivery_id: string;
                                /** @description What the receiver gets as `webhook-id`, at each attempt */
                                message_id: string;
                                /** @description Of the event; null: a test */
                                position: string | null;
                                /** @example balance.adjusted */
                                type: string;
                                /**
                                 * @description `waiting`: a test before its attempt; `dead`: given up; it can be asked for again
                                 * @enum {string}
                                 */
                                status: "waiting" | "retrying" | "succeeded" | "dead";
                                attempts_count: number;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                next_attempt_at: string | null;
                                /**
                                 * Format: date-time
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                created_at: string;
                                /**
                                 * Format: date-time
                                 * @description When it succeeded or was given up
                                 * @example 2024-12-15T10:30:00.000Z
                                 */
                                settled_at: string | null;
                                /** @description Newest first; in a list, the last three */
                                attempts: {
                                    attempt: number;
                                    /**
                                     * Format: date-time
                                     * @example 2024-12-15T10:30:00.000Z
                                     */
                                    began_at: string;
                                    duration_ms: number;
                                    /** @description null: there was no answer */
                                    response_status: number | null;
                                    /**
                                     * @description null: it was delivered
                                     * @example TIMEOUT
                                     */
                                    error: string | null;
                                    /** @description Of the answer's body, or what is known of the error */
                                    excerpt: string;
                                    /** @description Somebody asked for it */
                                    is_requested: boolean;
                                }[];
                            };
                            batch_info?: {
                                [key: string]: unknown;
                            };
                            /** @example req_0193c5e0 */
                            request_id: string;
                        };
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        LiveEvent: {
            /**
             * @description Position in the event log, from 1 without a gap
             * @example 184467
             */
            id: string;
            /** @enum {string} */
            type: "account.opened" | "balance.adjusted" | "balance.reversed" | "hold.placed" | "hold.captured" | "hold.released" | "hold.expired" | "settlement.sealed" | "settlement.netted" | "settlement.confirmed" | "settlement.deferred" | "settlement.dissolved" | "settlement.cancelled" | "settlement.discarded" | "deposit.observed" | "withdrawal.observed" | "confirmation.revoked" | "details.redacted" | "checkpoint.anchored";
            /**
             * Format: date-time
             * @description When it was recorded
             * @example 2024-12-15T10:30:00.000Z
             */
            time: string;
            data: {
                [key: string]: unknown;
            };
        };
        Refusal: {
            /** @description The HTTP status */
            code: number;
            message: string;
            /** @example req_0193c5e0 */
            request_id: string;
            errors: {
                field: string | null;
                /** @enum {string} */
                code: "MALFORMED_JSON" | "MALFORMED_CSV" | "MALFORMED_REQUEST" | "MALFORMED_TEXT" | "BODY_TOO_DEEP" | "INVALID_PARAMETER" | "UNKNOWN_PARAMETER" | "INVALID_CURSOR" | "IDEMPOTENCY_KEY_MISMATCH" | "APP_REQUIRED" | "UNAUTHENTICATED" | "INVALID_CREDENTIALS" | "SIGN_IN_FAILED" | "FORBIDDEN" | "PASSWORD_CHANGE_REQUIRED" | "NOT_FOUND" | "UNKNOWN_USER" | "UNKNOWN_BATCH" | "UNKNOWN_OPERATION" | "UNKNOWN_TRANSACTION" | "UNKNOWN_HOLD" | "UNKNOWN_REDACTION" | "UNKNOWN_POSITION" | "UNKNOWN_CHECKPOINT" | "UNKNOWN_RECONCILIATION_RUN" | "UNKNOWN_IMPORT" | "UNKNOWN_ALARM" | "UNKNOWN_DEAD_LETTER" | "UNKNOWN_KEY" | "UNKNOWN_PERSON" | "UNKNOWN_WEBHOOK" | "UNKNOWN_DELIVERY" | "UNKNOWN_ENTRY" | "UNKNOWN_VERSION" | "METHOD_NOT_ALLOWED" | "REQUEST_TIMEOUT" | "APP_EXISTS" | "ENTRY_EXISTS" | "VERSION_CONFLICT" | "KEY_ENDED" | "PERSON_EXISTS" | "LAST_ADMIN" | "IDEMPOTENCY_CONFLICT" | "ANSWER_SHOWN_ONCE" | "HOLD_ENDED" | "IMPORT_NOT_FAILED" | "ALREADY_REVERSED" | "BATCH_NOT_CANCELLABLE" | "CANCELLATION_UNSUPPORTED" | "ALARM_HAS_CAUSE" | "DEAD_LETTER_CLOSED" | "NOTHING_TO_DISCARD" | "WEBHOOK_DISABLED" | "TOO_MANY_WEBHOOKS" | "PAYLOAD_TOO_LARGE" | "UNSUPPORTED_MEDIA_TYPE" | "INVALID_FIELD" | "UNKNOWN_FIELD" | "INVALID_AMOUNT" | "UNKNOWN_TOKEN" | "AMBIGUOUS_TOKEN" | "UNKNOWN_REASON" | "TOKEN_RETIRED" | "REASON_RETIRED" | "FIELD_IS_FIXED" | "TOKEN_UNFIT" | "CHAIN_UNFIT" | "METADATA_NOT_ALLOWED" | "INSUFFICIENT_BALANCE" | "DEBIT_NOT_SUPPORTED" | "CAPTURE_TOO_LARGE" | "NOT_REVERSIBLE" | "BALANCE_OUT_OF_RANGE" | "UNKNOWN_APP" | "WEBHOOK_TARGET_REFUSED" | "RATE_LIMITED" | "UPGRADE_REQUIRED" | "HEADERS_TOO_LARGE" | "INTERNAL" | "CHAIN_UNAVAILABLE" | "LEDGER_UNAVAILABLE" | "PROVIDER_UNAVAILABLE" | "SIGN_IN_UNAVAILABLE" | "WEBHOOKS_UNAVAILABLE" | "NOT_READY" | "STORAGE_FULL" | "OVERLOADED" | "TIMEOUT";
                /** @description What to do about it */
                message: string;
            }[];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
