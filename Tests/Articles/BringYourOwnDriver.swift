// What the blocks of BringYourOwnDriver.md use: see Scripts/check-articles.

import IdempotencySQL

var client: any SQLClient { fatalError() }
