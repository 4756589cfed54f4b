# SPDX-License-Identifier: Apache-2.0
# owid.csv -> rows of struct owid_factor.
BEGIN { FS = ","; print "/* Generated from owid.csv. */" }
NR == 1 { next }
NF != 5 || /["\\]/ { print FILENAME ":" NR ": unexpected line" > "/dev/stderr"; exit 1 }
{ printf "\t{ \"%s\", \"%s\", %d, %s },\n", $1, $3, $4, $5 }
