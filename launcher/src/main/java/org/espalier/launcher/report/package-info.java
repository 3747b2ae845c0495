/** Results of measurements: progress on the way, and what is printed or written in the end. */
@NullMarked
package org.espalier.launcher.report;

import org.jspecify.annotations.NullMarked;
