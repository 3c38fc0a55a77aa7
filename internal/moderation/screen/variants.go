package screen

// variants are letters beside those of package lookalikes that are read as others:
// letters of the same script that people write for one another, and letters of
// further scripts that look Latin, after the Unicode table of confusables.
var variants = func() map[rune]rune {
	table := map[rune]rune{}
	for _, row := range []struct{ letters, as string }{
		{"ٱةىیےکڪھہۀە", "اهيييككههههه"},                            // Arabic keyboards of different countries
		{"ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnoprstuvwyz"},   // small capitals
		{"ꓮꓐꓚꓓꓰꓝꓖꓧꓲꓙꓗꓡꓟꓠꓳꓑꓣꓢꓔꓴꓦꓪꓫꓬꓜ", "abcdefghijklmnoprstuvwxyz"}, // Lisu
		{"ᎪᏴᏟᎠᎬᏀᎻᎥᎫᏦᏞᎷᏢᎡᏚᎢᏙᎳᎽᏃ", "abcdeghijklmprstvwyz"},           // Cherokee
		{"ɩıɾƅьσςμΣ", "iirbbosue"},
	} {
		as := []rune(row.as)
		for i, r := range []rune(row.letters) {
			table[r] = as[i]
		}
	}
	// The letters of Amharic that are pronounced alike are written for one another.
	// Each comes in seven orders, one for each vowel.
	for _, row := range []struct{ letter, as rune }{
		{'ሐ', 'ሀ'}, {'ኀ', 'ሀ'}, {'ሠ', 'ሰ'}, {'ዐ', 'አ'}, {'ፀ', 'ጸ'},
	} {
		for order := range rune(7) {
			table[row.letter+order] = row.as + order
		}
	}
	return table
}()
