/** Standard streams, failures in one sentence, interruption and timings. */
@NullMarked
package org.espalier.launcher.console;

import org.jspecify.annotations.NullMarked;
