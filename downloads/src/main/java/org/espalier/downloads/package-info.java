/** Fetching models by name, and the cache that holds them. */
@NullMarked
package org.espalier.downloads;

import org.jspecify.annotations.NullMarked;
